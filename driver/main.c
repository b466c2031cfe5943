/* The command line of seppo. */
int main(void) { return 2; }
