/* Names of Python, NumPy and PyTorch, and what takes their place here. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/scope.h"
#include "frontend/elab/state.h"

typedef struct Foreign {
  const char *name, *hint;
} Foreign;

static const char prefix[] = "the library needs no prefix: `zeros([3])`, `exp(x)`, `dense(10)(x)`",
                  dataset[] = "data is declared: `data d = dataset(\"%s\")`, then `train on d.train`",
                  product[] = "write `a @ b`", layer[] = "write `dense(n_out)(x)`: what goes in comes from x",
                  shape[] = "write `reshape(x, [..])`; one extent may be -1",
                  axes[] = "write `transpose(x, [..])`, `x[:, none]` for a new axis, `x[0]` to drop one",
                  step[] = "write `minimize loss using adam(1e-3)`: it differentiates and takes the step",
                  drawn[] = "write `normal([n, m])`, `uniform([n, m], lo, hi)` or `randint([n], lo, hi)`",
                  cast[] = "write `f32(x)`, `f64(x)`, `i32(x)` or `float(x)`";

static const Foreign names[] = {
    {"range", "a range is written `0..n`; a tensor of integers `iota(n)` or `arange(a, b, step)`"},
    {"torch", prefix},
    {"np", prefix},
    {"numpy", prefix},
    {"jnp", prefix},
    {"jax", prefix},
    {"tf", prefix},
    {"nn", prefix},
    {"F", prefix},
    {"math", prefix},
    {"random", drawn},
    {"optim", "optimisers stand behind `using`: `minimize loss using adam(1e-3)`"},
    {"True", "write `true`"},
    {"False", "write `false`"},
    {"None", "write `none`"},
    {"self", "the parameters of a layer are names in its body"},
    {"mnist", dataset},
    {"fashion_mnist", dataset},
    {"cifar10", dataset},
    {"digits", dataset},
    {"randn", drawn},
    {"rand", drawn},
    {"randn_like", "write `normal(like = x)`"},
    {"rand_like", "write `uniform(like = x)`"},
    {"zeros_like", "write `zeros(like = x)`"},
    {"ones_like", "write `ones(like = x)`"},
    {"randperm", "write `permutation(n)`"},
    {"matmul", product},
    {"mm", product},
    {"bmm", product},
    {"cat", "write `concat([a, b], axis = 0)`"},
    {"concatenate", "write `concat([a, b], axis = 0)`"},
    {"vstack", "write `concat([a, b], axis = 0)` or `stack([a, b])`"},
    {"hstack", "write `concat([a, b], axis = -1)`"},
    {"tensor", "a list of numbers is a tensor where one is wanted: `[1, 2, 3]`"},
    {"array", "a list of numbers is a tensor where one is wanted: `[1, 2, 3]`"},
    {"Tensor", "a list of numbers is a tensor where one is wanted: `[1, 2, 3]`"},
    {"Linear", layer},
    {"linear", layer},
    {"Dense", layer},
    {"ReLU", "write `relu`"},
    {"Sequential", "layers are applied one to the other: `dense(10)(dense(20, relu)(x))`"},
    {"mse_loss", "write `mse(y, target)`"},
    {"MSELoss", "write `mse(y, target)`"},
    {"CrossEntropyLoss", "write `cross_entropy(logits, label)`"},
    {"view", shape},
    {"squeeze", axes},
    {"unsqueeze", axes},
    {"permute", axes},
    {"clamp", "write `clip(x, lo, hi)`"},
    {"maximum", "write `max(a, b)`"},
    {"minimum", "write `min(a, b)`"},
    {"power", "write `x^n`"},
    {"pow", "write `x^n`"},
    {"int", cast},
    {"float32", cast},
    {"backward", step},
    {"detach", "write `stop_gradient(x)`"},
};

static const Foreign members[] = {
    {"T", "write `transpose(x)`"},
    {"mT", "write `transpose(x)`"},
    {"size", "write `shape(x)`, `shape(x)[0]` or `len(x)`"},
    {"ndim", "write `rank(x)`"},
    {"dim", "write `rank(x)`"},
    {"dtype", cast},
    {"astype", cast},
    {"to", cast},
    {"view", shape},
    {"squeeze", axes},
    {"unsqueeze", axes},
    {"permute", axes},
    {"t", "write `transpose(x)`"},
    {"grad", "a gradient is an expression: `grad(loss, x)`"},
    {"backward", step},
    {"detach", "write `stop_gradient(x)`"},
    {"item", "a tensor of one element needs no `item`"},
    {"numpy", "what a run computes leaves it by `report`, `print` and `checkpoint`"},
    {"cuda", "there is one device"},
    {"clamp", "write `clip(x, lo, hi)`"},
    {"matmul", product},
};

static const char *look_up(const Foreign *table, size_t n, const char *name) {
  for (size_t k = 0; k < n; k++)
    if (strcmp(table[k].name, name) == 0) return table[k].hint;
  return NULL;
}

bool foreign_name_hint(Elab *E, const char *name) {
  const char *hint = look_up(names, sizeof names / sizeof *names, name);
  if (hint == dataset)
    elab_hint(E, dataset, name);
  else if (hint)
    elab_hint(E, "%s", hint);
  return hint != NULL;
}

void foreign_member_hint(Elab *E, const char *name) {
  const char *hint = look_up(members, sizeof members / sizeof *members, name);
  const Slot *s = scope_find(E->library, name);
  if (hint)
    elab_hint(E, "%s", hint);
  else if (s && is_callable(s->value))
    elab_hint(E, "functions take tensors as arguments: write `%s(x)`", name);
  else
    elab_hint(E, "functions take tensors as arguments: `shape(x)`, `sum(x)`");
}
