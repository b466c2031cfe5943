# NaN and Inf: exit status 4, with the task, the step, the line, the operation and its operands.
seppo=$1; . tests/support/cli.sh
model() { cat >"$work/m.sep"; }
bad() { run 4 run "$work/m.sep" --progress none --no-cache --out "$work/run" "$@"; }

model <<'S'
param w : f32 = 0.5
train {
  steps 50
  y = exp(w * 1000)
  minimize y / y + w^2 using sgd(0.1)
}
S
bad; err_has "the loss became NaN or infinite in step 1 of \`train\`"; err_has "m.sep:4:7"; err_has "result of \`exp\`"
err_has "operand 1, f32[], is 500"; err_has "\`exp\` overflows here"

# In a gradient, after good steps: the derivative of sqrt at 0, where |w| = 0 is hit exactly.
model <<'S'
param w : f32 = 3
train as falling {
  steps 50
  minimize sqrt(w * w * 0 + 0) * (w - 2) + w using sgd(1)
}
S
bad; err_has "\`w\` became NaN or infinite in step"; err_has "of \`falling\`"; err_has "in the gradient of this line"
err_has "the derivative is infinite here"
err_has "m.sep:4:"

# In a loop in the graph, several steps on, with draws and data; a mask of -inf that is right is not blamed.
model <<'S'
param a : [3] = 1.5
fn grow(x) { repeat 5 { x = x * x + 10 }; return sum(x) }
train {
  steps 50
  mask = where(a > 100, 0, -inf)
  minimize grow(a) + sum(exp(mask)) using sgd(0.25)
}
S
bad; err_has "m.sep:2:29"; err_has "operand 2, f32[3]"

# Ranges of operands: how many are bad among how many, and where the others lie.
model <<'S'
param w : [4] = [1, 2, -3, 0]
train { steps 5; minimize sum(log(w)) using sgd(0.1) }
S
bad; err_has "m.sep:2:31"; err_has "f32[4]: has 1 NaN and 1 infinite among 4, else lies in 0 .. 0.693147"
err_has "operand 1, f32[4], lies in -3 .. 2"; err_has "needs numbers above 0"

# The last good checkpoint stays.
model <<'S'
param w : f32 = 1
train {
  steps 1000
  minimize where(w > 5, log(5 - w), -w) using sgd(0.01)
  every 100 steps { checkpoint }
}
S
bad; err_has "result of \`log\`"
run 0 ckpt "$work/run/checkpoint.safetensors"; out_has "step     400"
finish
