# Broken and absurd input: a message with its place, the documented exit status, no crash, no hang.
seppo=$1; . tests/support/cli.sh
cd "$work" || exit 1
quick="timeout -s KILL 60 $seppo"

# expect STATUS WHAT ARGS..: runs seppo on m.sep, the model written last
expect() {
  local want=$1 what=$2 got; shift 2
  $quick "$@" >out 2>err </dev/null; got=$?
  [ "$got" = "$want" ] || { fail "$*: exit status $got, expected $want"; head -12 err | cut -c1-200 >&2; head -5 m.sep | cut -c1-200 >&2; }
  [ -z "$what" ] || grep -qF -- "$what" err || { fail "$*: stderr lacks: $what"; head -12 err | cut -c1-200 >&2; }
}
check() { expect 1 "$1" check m.sep; grep -q 'm.sep:[0-9]*:[0-9]' err || fail "no place: $1"; }
go() { local s=$1 w=$2; shift 2; expect "$s" "$w" run m.sep --progress none --no-cache --threads 1 --out o "$@"; }
model() { printf '%b' "$1" >m.sep; }
times() { awk -v s="$1" -v n="$2" 'BEGIN{for(i=0;i<n;i++)printf "%s",s}'; } # a text n times

# ---- text that is no program
model 'let a = 1\0 + 2\n';                          check "not a text file"
model 'let a = 1\nlet b = "\xff\xfe"\n';            check "the byte 0xff is not UTF-8"
model 'let a = 1\nlet b = "\xe6\x97"\n';            check "not a text file"
model '\xef\xbb\xbflet a = 1\r\ntask t { report b = a }\r\n'; expect 0 "" run m.sep --no-cache --out o --progress none
model '\tlet a\t=\t1 +* 2\n';                       check "expected an expression"
model "let a = 1 + $(times ' ' 100000) * 2\n";      check "m.sep:1:100014"
model 'let a = 1e400\n';                            check "too large"
model "let a = $(times 9 100000)\n";                check "too large"
model 'let a = 9007199254740992^4\n';               check "does not fit in 64 bits"
model "let s = \"$(times x 100000)\n";              check "not closed"
model "$(times 'let a = ?\\n' 2000)";               check "is not part"
[ "$(wc -l <err)" -lt 1000 ] || fail "2000 errors are all shown"
{ for i in $(seq 200); do echo "param w$i = 1"; done
  printf 'train { steps 1\n minimize w1^2 using sgd(0.1) }\n'; } >m.sep; expect 0 "and 149 more warnings" check m.sep
head -c 100000 "$seppo" >m.sep;                                  check "not a text file"
expect 3 "larger than 16 MiB" check /dev/zero
model 'use "/dev/zero" as z\n';                     expect 3 "larger than 16 MiB" check m.sep
model 'use "." as z\n';                             expect 3 "Is a directory" check m.sep
model 'use "none.sep" as z\n';                      expect 3 "No such file" check m.sep
model 'use "m.sep" as m\n';                         check "uses itself"

# ---- nested without end, repeated without end
model "let a = $(times '(' 10000)1$(times ')' 10000)\n";         check "levels deep"
model "let a = $(times '[' 10000)1$(times ']' 10000)\n";         check "levels deep"
model "let a = $(times '-' 10000)1\n";                           check "levels deep"
model "let a = $(times '1+' 100000)1\n";                         check "operations in one chain"
model "task t { $(times 'if true { ' 10000)$(times '}' 10000)}\n"; check "levels deep"
model "let a = x$(times '[0]' 10000)\n";                         check "operations in one chain"
model 'fn f(x) = f(x)\ntask t { report a = f(1) }\n';            check 'does `f` call itself?'
model 'fn f(x) = f(x) + f(x)\ntask t { report a = f(1) }\n';     check 'does `f` call itself?'
model 'fn f(g) = g(g)\ntask t { report a = f(f) }\n';            check "call itself?"
model 'layer l()(x) { return l()(x) }\nmodel m(x) = l()(x)\ntask t { report a = m(zeros([2])) }\n'; check "call itself?"
model "fn f(x) = $(times '-' 190)f(x)\ntask t { report a = f(zeros([])) }\n"; check "E0208"
{ for i in $(seq 60); do echo "fn g$i(x) = g$((i + 1))(x) + g$((i + 1))(x)"; done
  printf 'fn g61(x) = x\ntask t { report a = g1(zeros([2])) }\n'; } >m.sep; check "this program is too large"
model 'task t {\n x = 0\n unroll for i in 0..1000000000 { x = x + i }\n report x\n}\n'; check "too many to unroll"
model 'unroll for i in 0..100000 { unroll for j in 0..100000 { } }\n';                  check "this program is too large"
model 'let l = [k for k in 0..1000000000]\n';                                           check "too many to unroll"
model "task t {\n x = zeros([])\n$(times 'repeat 2 { ' 80)x = x + 1$(times '}' 80)\n report x\n}\n"; check "loops nest"
model "task t {\n y = repeat 3 { yield $(times '1, ' 16)1 }\n report a = 1\n}\n";       check "at most 16 values"

# ---- shapes
model 'param W : [1000000000, 1000000000] = 0\ntask t { report a = sum(W) }\n';     check "out of range"
model 'task t { report a = sum(zeros([4000000000, 4000000000, 4])) }\n';            check "too large"
model 'param W : [-3] = 0\n';                                                       check "cannot be negative"
sum_of() { model "let huge = 2^62\nlet most = 2^62 - 1 + 2^62\ntask t { report a = sum($1) }\n"; }
sum_of 'zeros([huge, huge, 0])';                                check "too large"
sum_of 'reshape(ones([4]), [huge, 4])';                         check "too large"
sum_of 'broadcast_to(ones([1]), [huge, 4])';                    check "out of range"
sum_of 'ones([2000000, 1]) @ ones([1, 2000000])';               check "out of range"
sum_of 'pad(ones([3]), [[most, huge]])';                        check "out of range"
sum_of 'convolve(ones([1, 4, 1]), ones([2, 1, 1]), padding = most)';       check "out of range"
sum_of 'convolve(ones([1, 4, 1]), ones([2, 1, 1]), dilation = huge, padding = "same")'; check "out of range"
sum_of 'convolve_transpose(ones([1, 4, 1]), ones([2, 1, 1]), stride = most)'; check "out of range"
sum_of 'convolve_transpose(ones([1, 4, 1]), ones([2, 1, 1]), output_padding = huge)'; check "out of range"
sum_of 'pool_sum(ones([4, 1]), [2], stride = huge, padding = "same")';        check "out of range"
sum_of 'one_hot(iota(3), most)';                                check "out of range"
sum_of 'segment_sum(ones([3]), iota(3), -1)';                   check "a length cannot be -1"
sum_of 'repeat most { yield 1.0 }';                             check "a loop of 9223372036854775807 iterations"
# i32 is never left in silence
sum_of 'randint([3], 0, 4000000000)';                           check '`randint` between'
sum_of 'randint([3], -most - 1, most)';                         check '`randint` between'
sum_of 'arange(0, 4000000000, 1000000000)';                     check "counts in i32"
sum_of '4000000000 * iota(3)';                                  check "4000000000 does not fit in i32"
sum_of 'iota(3) + [1, -3000000000, 2]';                         check "-3000000000 does not fit in i32"
sum_of 'randint([3], -2147483648, 2147483648)';                 go 0 ""
model 'param W : [1000000, 100000] = 0\ntask t { report a = sum(W) }\n';            go 3 "not enough memory"
grep -q 'm.sep:1:1' err || fail "no place of the parameter that does not fit"
model 'task t { x = normal([1000000])\n report a = sum(sort(x[:, none] * x)) }\n';  go 3 "not enough memory"
model 'task t { report a = mean(zeros([0, 3])) }\n';                                check "the mean of nothing"
model 'param w : [0] = 0\ntrain { steps 2\n minimize sum(w^2) using sgd(0.1) }\n';  go 0 ""
model 'task t { report a = sum(zeros([0, 3])), f = zeros([3, 0]) @ zeros([0, 4]), k = zeros([3])[2:2], p = permutation(0) }\n'
go 0 ""

# ---- data
data() { model "data d = $1\ntask t { report a = mean(d.x) }\n"; }
printf '\0\0\010\002\0\0\0\003\0\0\0\002abcdef' >ok.idx
head -c 14 ok.idx >short.idx; head -c 6 ok.idx >head.idx; : >empty.idx
printf '\0\0\010\003\377\377\377\377\377\377\377\377\377\377\377\377abc' >huge.idx
printf '\0\0\167\002\0\0\0\003\0\0\0\002abcdef' >type.idx
gzip -kn ok.idx; head -c 20 ok.idx.gz >cut.idx.gz
{ head -c 12 ok.idx.gz; printf '\377\377'; tail -c +15 ok.idx.gz; } >bad.idx.gz
data 'idx("ok.idx")';     go 0 ""
data 'idx("ok.idx.gz")';  go 0 ""
data 'idx("short.idx")';  go 3 "too short for its shape"
data 'idx("head.idx")';   go 3 "ends inside its header"
data 'idx("empty.idx")';  go 3 "too short"
data 'idx("huge.idx")';   go 3 "absurd shape"
data 'idx("type.idx")';   go 3 "not an IDX file"
data 'idx("cut.idx.gz")'; go 3 "cut.idx.gz"
data 'idx("bad.idx.gz")'; go 3 "bad.idx.gz"
data 'idx(".")';          go 3 "is not a file"
data 'idx("none.idx")';   go 3 "no file"
data 'idx("/dev/zero")';  go 3 "is not a file"
printf 'a,b,y\n1,2,3\n4,5,6\n' >ok.csv
csv() { printf '%b' "$1" >c.csv; data 'csv("c.csv", target = "y")'; }
csv 'a,b,y\n1,2,3\n4,5\n';        go 3 "c.csv: 3: 2 cells where the first line has 3"
csv 'a,b,y\n1,two,3\n';           go 3 "c.csv: 2:3: \`two\` is not a number"
csv 'a,b,y\n1,"2,3\n4,5,6\n';     go 3 "has no end"
csv 'a,b,y\n1,,3\n';              go 3 "an empty cell"
csv 'a,b,y\n1,\0,3\n';            go 3 "is not a number"
csv '';                           go 3 "holds no rows"
csv 'a,b,y\n';                    go 3 "holds no rows"
csv '\xef\xbb\xbfa,b,y\r\n1,2,3\r\n'; go 0 ""
data 'csv("ok.csv", target = "z")';  go 1 'has no column `z`'
data 'csv("ok.csv", target = "y", scale = [0, inf])';              go 1 "scale"
data 'csv("ok.csv", target = "y").split(train = 0.8, test = 0.5)'; go 1 "more than 1"
printf 'PK\003\004garbage' >g.npz; data 'npz("g.npz")'; go 3 "g.npz"
head -c 300 "$OLDPWD/tests/data/plain.npz" >cut.npz; data 'npz("cut.npz")'; go 3 "cut.npz"
head -c 70 "$OLDPWD/tests/data/f64.npy" >cut.npy; data 'npy("cut.npy")'; go 3 "cut.npy"
data 'table()';                   go 1 "a table needs fields"
data 'table(x = [])';             go 1 "nothing"
data 'generate(1000000000000) { return x = uniform() }'; go 3 "not enough memory"

# ---- checkpoints
package=$OLDPWD/tests/data/package.safetensors
model 'param w : [2] = 1\ntrain { steps 2\n minimize sum(w^2) using sgd(0.1) }\n'
for n in 0 4 8 20 100; do head -c $n "$package" >cut.safetensors; go 3 "cut.safetensors" --load cut.safetensors; done
{ printf '\377\377\377\377\377\377\377\177'; tail -c +9 "$package"; } >long.safetensors
go 3 "long.safetensors" --load long.safetensors
{ head -c 8 "$package"; tail -c +9 "$package" | tr '{' '['; } >json.safetensors
go 3 "json.safetensors" --load json.safetensors
go 3 "is not a file" --load /dev/zero
go 3 "none.safetensors" --load none.safetensors
expect 3 "config.json" run m.sep --resume none
mkdir -p half; echo '{"file": 3' >half/config.json; expect 3 "half" run m.sep --resume half

# ---- options
model 'let width = 3\nlet lr = 0.1\ndata d = table(x = [1, 2, 3, 4, 5, 6, 7], y = [2, 4, 6, 8, 10, 12, 14])
param w : [width] = 0
train on d {
  epochs 2
  batch 3
  minimize mean((sum(w) * x - y)^2) using sgd(lr * 0.01)
}\n'
go 0 ""
go 1 '`batch` must be positive, found 0'    --set batch=0
go 1 '`batch` must be positive, found -5'   --set batch=-5
go 1 '`epochs` must be positive, found 0'   --set epochs=0
go 1 '`batch` must be an integer'           --set batch=1.5
go 0 'more than the 7 rows'                 --set batch=100
go 1 'cannot be negative'                   --set width=-1
go 2 'expected a value like 3'              --set 'width=(((('
[ "$(grep -c error err)" = 1 ] || fail "a wrong setting is followed by other errors"
go 2 'there is no such setting'             --set foo=1
go 4 'NaN or infinite'                      --set lr=nan
go 2 'from 1 to 1024'                       --threads 100000
go 2 'expects an integer'                   --seed -1
go 2 'from 1 to'                            --epochs 0
go 2 'expects f32 or f64'                   --dtype f16
go 2 'no task called'                       nothing
expect 3 "cannot be made" run m.sep --out ok.csv
finish
