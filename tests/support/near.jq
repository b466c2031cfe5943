# near($a; $b; $tol): arrays (nested or not) and numbers that differ by at most $tol, relative above 1.
def flat: if type == "array" then map(flat) | add // [] else [.] end;
def worst($a; $b):
  ($a | flat) as $x | ($b | flat) as $y
  | if ($x | length) != ($y | length) then infinite
    else [range(0; $x | length) | (($x[.] // infinite) - $y[.] | fabs) / ([1, ($y[.] | fabs)] | max)] | max end;
def near($a; $b; $tol): worst($a; $b) <= $tol;
# The largest relative difference of two arrays of numbers.
def relative($a; $b):
  if ($a | length) != ($b | length) then infinite
  else [range(0; $a | length) | (($a[.] - $b[.]) | fabs) / ($b[.] | fabs)] | max end;
