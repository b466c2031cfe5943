/* The command line of seppo: finds the command's row, reads its options, runs it. */
#include "driver/commands.h"
#include <stdio.h>
#include <string.h>

const Command command_table[] = {
    {"run", "FILE [TASK...]", "Runs the tasks of a model file: trains, evaluates, writes the run folder.",
     "set seed threads dtype data out resume load epochs memory checkpoint-every progress quiet no-cache", 1,
     OPTIONS_MAX_WORDS, cmd_run},
    {"check", "FILE", "Checks a model file and prints its layers, shapes, parameters and memory.",
     "set dtype data epochs memory", 1, 1, cmd_check},
    {"ir", "FILE", "Prints a model in any of its forms, from syntax tree to machine code.",
     "stage task format set dtype data reference output", 0, 1, cmd_ir},
    {"gradcheck", "FILE [TASK...]", "Checks every gradient against finite differences in f64.",
     "set data epochs no-cache", 1, OPTIONS_MAX_WORDS, cmd_gradcheck},
    {"profile", "FILE [TASK...]", "Times every kernel of a step against what the machine could do.",
     "set threads dtype data epochs no-cache", 1, OPTIONS_MAX_WORDS, cmd_profile},
    {"build", "FILE", "Compiles a task ahead of time: an object and a header for C programs.",
     "task load out name cpu embed-data set seed threads dtype data epochs", 1, 1, cmd_build},
    {"opt", "FILE.ir", "Runs passes on a graph in text form and prints the result.", "passes print-after verify-each",
     1, 1, cmd_opt},
    {"fmt", "FILE...", "Lays out model files the one way.", "check diff", 1, OPTIONS_MAX_WORDS, cmd_fmt},
    {"explain", "CODE", "Explains a diagnostic with a failing and a mended example.", "", 1, 1, cmd_explain},
    {"data", "SET", "Fetches a data set (mnist) into DIR/SET, checks its checksums; DIR is ./data by default.", "out",
     1, 1, cmd_data},
    {"ckpt", "FILE", "Lists the tensors of a checkpoint.", "", 1, 1, cmd_ckpt},
    {"cache", "list|verify|clear", "Looks after the compiled objects kept on disk.", "", 1, 1, cmd_cache},
};
const uint32_t command_count = sizeof command_table / sizeof *command_table;

static const Command *find_command(const char *name) {
  for (uint32_t i = 0; i < command_count; i++)
    if (!strcmp(command_table[i].name, name)) return &command_table[i];
  return NULL;
}

static void print_help(FILE *out) {
  fprintf(out, "seppo " SEPPO_VERSION ": from a model file to a native training loop\n\ncommands:\n");
  for (uint32_t i = 0; i < command_count; i++)
    fprintf(out, "  seppo %-10s %-18s %s\n", command_table[i].name, command_table[i].words, command_table[i].summary);
  fprintf(out, "\n`seppo COMMAND --help` lists a command's options.\n"
               "exit status: 0 done, 1 the model file is wrong, 2 wrong usage, 3 data or file trouble,\n"
               "4 the numbers went bad, 130 interrupted after the checkpoint was written\n");
}

static int unknown_command(const char *name) {
  const char *names[64];
  for (uint32_t i = 0; i < command_count; i++) names[i] = command_table[i].name;
  const char *near = diag_nearest(name, names, command_count);
  fprintf(stderr, "seppo: unknown command `%s`\n", name);
  if (near)
    fprintf(stderr, "  hint: did you mean `seppo %s`?\n", near);
  else
    fprintf(stderr, "  hint: `seppo help` lists the commands\n");
  return EXIT_USAGE;
}

/* What went to stdout is the result: when it could not be written (a full disk), the command has failed. */
static int wrote_all(int status) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return status;
  fprintf(stderr, "seppo: the output could not be written\n");
  return status == EXIT_DONE ? EXIT_FILES : status;
}

int main(int argc, char **argv) {
  if (argc < 2) return print_help(stderr), EXIT_USAGE;
  bool help = !strcmp(argv[1], "help");
  if ((help && argc < 3) || !strcmp(argv[1], "--help")) return print_help(stdout), EXIT_DONE;
  if (!strcmp(argv[1], "--version")) return puts("seppo " SEPPO_VERSION), EXIT_DONE;
  const Command *c = find_command(argv[1 + help]);
  if (!c) return unknown_command(argv[1 + help]);
  if (help) return options_help(c, stdout), EXIT_DONE;
  static Options o;
  if (!options_parse(c, argc, argv, &o)) return EXIT_USAGE;
  if (o.help) return options_help(c, stdout), EXIT_DONE;
  return wrote_all(c->run(&o));
}
