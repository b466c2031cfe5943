/* What the text form, JSON and pictures share: the words of the text form, names, exact numbers. */
#ifndef SEPPO_IR_TEXT_H
#define SEPPO_IR_TEXT_H

#include "ir/attr.h"
#include "ir/ir.h"

/* Words by kind, and how many there are. */
extern const char *const cell_word[];   /* CellKind */
extern const char *const input_word[];  /* InKind */
extern const char *const output_word[]; /* OutKind */
extern const char *const task_word[];   /* TaskKind */
extern const char *const action_word[]; /* ActionKind */
enum { CELL_WORDS = 6, INPUT_WORDS = 6, OUTPUT_WORDS = 3, TASK_WORDS = 5, ACTION_WORDS = 10 };

extern const char *const window_word[6]; /* names of WindowAxis fields in order; the last five print unless default */
extern const int64_t window_default[6];

/* Element i of a tensor of dtype, shortest text that reads back to the same bits. */
void text_element(StrBuf *b, DType dtype, const void *bytes, int64_t i);
void text_double(StrBuf *b, double x);
/* The opposite: false when the text is no such number or out of range. */
bool text_read_element(DType dtype, const char *s, size_t n, void *bytes, int64_t i);
/* "text" with \" \\ \n \xHH escapes. */
void text_string(StrBuf *b, const char *s);
/* A dotted name as it is when it reads as one word, else as a string; NULL prints as `none`. */
void text_name(StrBuf *b, const char *name);
/* One attribute field as name=value. */
void text_attr_field(StrBuf *b, const Attr *a, const AttrField *f);

/* The user's source line a node stems from, trimmed and at most `longest` bytes: of the innermost call that is not in
 * the library. False when there is none. */
bool text_source_line(const Module *m, LocId loc, uint32_t longest, StrBuf *b);
/* file, line and column of the same place; file is NULL when there is none. */
const char *text_source_place(const Module *m, LocId loc, uint32_t *line, uint32_t *column);

/* Which declarations a task uses; everything when the task is IR_NONE. Free with used_free. */
typedef struct Used {
  bool *cell, *field, *rows;
} Used;
Used used_by(const Module *m, TaskId task);
void used_free(Used *u);

#endif
