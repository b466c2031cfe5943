/* One action of an event, on its way: what files of actions share. */
#ifndef SEPPO_DRIVER_ACTIONS_H
#define SEPPO_DRIVER_ACTIONS_H

#include "driver/session/session.h"

typedef struct ActionCall {
  Session *s;
  RunMoment at;
  const Event *event;
  const Action *action;
  const ReadyGraph *g;
  bool *stop;
} ActionCall;

/* Type and elements of the action's value i. */
const Type *action_type(const ActionCall *c, uint32_t i);
double action_value(const ActionCall *c, uint32_t i, int64_t k);

/* The action's name with its counters filled in, whatever has no place in a file name replaced by `_`; "" stays "". */
const char *action_file_stem(const ActionCall *c);

/* driver/session/pictures.c */
bool act_image(ActionCall *c);
bool act_gif(ActionCall *c);
bool act_plot(ActionCall *c);

#endif
