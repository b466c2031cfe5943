/* One function a command; each returns the exit status. */
#ifndef SEPPO_DRIVER_COMMANDS_H
#define SEPPO_DRIVER_COMMANDS_H

#include "driver/options.h"

int cmd_run(const Options *o);
int cmd_check(const Options *o);
int cmd_ir(const Options *o);
int cmd_build(const Options *o);
int cmd_opt(const Options *o);
int cmd_gradcheck(const Options *o);
int cmd_profile(const Options *o);
int cmd_fmt(const Options *o);
int cmd_explain(const Options *o);
int cmd_cache(const Options *o);
int cmd_data(const Options *o);
int cmd_ckpt(const Options *o);

#endif
