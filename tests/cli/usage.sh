# The command line itself: help, wrong words, exit statuses.
seppo=$1; . tests/support/cli.sh

run 0 help;            out_has "seppo run"; out_has "exit status"
run 0 --version;       out_has "seppo 0."
run 2;                 err_has "commands:"
run 2 rum;             err_has 'did you mean `seppo run`?'
run 2 run;             err_has "expected FILE"
run 2 run a b --tread 2; err_has 'unknown option `--tread`'
run 2 run x.sep --thread 2; err_has 'did you mean `--threads`?'
run 2 run x.sep --threads many; err_has 'expects an integer'
run 2 run x.sep --threads 0;    err_has 'from 1 to'
run 2 run x.sep --set width;    err_has 'expects NAME=VALUE'
run 2 run x.sep --progress bat; err_has 'did you mean `bar`?'
run 2 run x.sep --quiet=yes;    err_has 'takes no value'
run 2 ir x.sep --stage grap;    err_has 'did you mean `graph`?'
run 2 ir x.sep --stage llvm --format dot; err_has "graph stages"
run 2 check a.sep b.sep;        err_has 'found also `b.sep`'
run 0 help run;                 out_has "usage: seppo run"
run 2 help rum;                 err_has 'did you mean `seppo run`?'
run 2 run -quiet x.sep;         err_has 'did you mean `--quiet`?'
run 3 run --quiet -- --no-file; err_has 'cannot read `--no-file`'
run 2 cache burn;               err_has '`seppo cache` expects list, verify or clear'
run 3 run no-such-file.sep;     err_has 'cannot read `no-such-file.sep`'
run 3 check tests;              err_has 'cannot read `tests`'
for c in run check ir opt fmt explain data ckpt cache; do run 0 $c --help; out_has "usage: seppo $c"; done

for option in $(for c in run check ir gradcheck profile opt fmt data build; do "$seppo" $c --help; done | grep -oE '^  --[a-z-]+' | sort -u); do
  [ "$option" = --help ] || grep -qF -- "$option" docs/*.md || fail "docs lack $option"
done

run 2 data imagenet --out "$work/d"; err_has "no data set of this name"
run 3 ckpt no-such-file;             err_has "no-such-file: cannot be opened"
run 3 ckpt README.md;                err_has "not a checkpoint"
run 0 ckpt tests/data/package.safetensors; out_has "decoder.W  f64[2, 3]"; out_has "epoch    3"

printf 'let rate = 1.0\ntask t { report rate }\n' >"$work/rate.sep"
run 0 run "$work/rate.sep" --set rate=2.0 --set rate=3.0 --out "$work/o"; out_has "t.rate = 3"

# --set: a list stays a list, and what is computed cannot be set.
printf 'let widths = [3, 4]\nlet k = 2\nlet twice = 2 * k\ntask t { report r = sum(widths) * twice }\n' >"$work/set.sep"
run 0 check "$work/set.sep" --set "widths=[5, 6, 7]"
run 2 check "$work/set.sep" --set widths=5;   err_has 'expected a value like [3, 4]'
run 2 check "$work/set.sep" --set "k=[1]";    err_has 'expected a value like 2'
run 2 check "$work/set.sep" --set twice=3;    err_has '`twice` is computed'
run 2 check "$work/set.sep" --set widht=3;    err_has 'did you mean `widths`?'

printf 'let a = 1 +\n' >"$work/broken.sep"
run 1 check "$work/broken.sep"; err_has "broken.sep:"
run 1 check "$work/broken.sep" --error-format short
run 1 check "$work/broken.sep" --error-format json; err_has '"code"'
run 2 check "$work/broken.sep" --error-format pretty; err_has "human, short or json"
finish
