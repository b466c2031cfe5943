# Regression and classification against LAPACK and scikit-learn (tests/oracles/linear.py).
seppo=$1; . tests/support/cli.sh
oracle=tests/oracles/linear.json

run 0 run models/regression.sep --seed 1 --progress none --out "$work/regression"
same() { # same TASK.NAME ORACLE RUN
  jq -ne -L tests/support --slurpfile s "$work/$3/summary.json" --slurpfile o $oracle \
    'include "near"; near($s[0].metrics.'"$1"'; ($o[0].'"$2"'); 1e-6)' >/dev/null || fail "$3: $1 differs from $2"
}
for name in ols ridge mse; do same normal_equations.$name regression.$name regression; done
for name in ols ridge lasso r2; do same coefficients.$name regression.$name regression; done

run 0 run models/logistic.sep --seed 1 --progress none --out "$work/logistic"
for by in descent quasi_newton; do
  same ${by}_coefficients.binary_W "logistic.binary.coef[0]" logistic
  same ${by}_coefficients.binary_b "logistic.binary.intercept[0]" logistic
  same ${by}_coefficients.classes_W "logistic.classes.coef | transpose" logistic
  same ${by}_coefficients.classes_b logistic.classes.intercept logistic
done
same scores.binary_accuracy logistic.binary.accuracy logistic
same scores.classes_accuracy logistic.classes.accuracy logistic
finish
