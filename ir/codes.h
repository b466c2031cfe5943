/* Codes of the diagnostics that ir/ gives; each is a row of frontend/diag_codes.def. */
#ifndef SEPPO_IR_CODES_H
#define SEPPO_IR_CODES_H

#define CODE_SHAPE "E0301"      /* operands whose shapes do not fit */
#define CODE_DTYPE "E0303"      /* operands whose dtypes do not fit */
#define CODE_ATTR "E0314"       /* an axis, extent or range that is out of bounds */
#define CODE_DERIVATIVE "E0520" /* a loop that a derivative cannot run through */
#define CODE_IR_TEXT "E0801"
#define CODE_IR_VERIFY "E0802"
#define CODE_PASS_CHANGED "E0803" /* a pass changed what a graph computes */
#define CODE_PASS_REQUEST "E0804" /* there is no such pass, or the graph is not ready for it */

#endif
