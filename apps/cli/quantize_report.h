/* quantize_report.h - see quantize_report.c. */
#ifndef APPS_CLI_QUANTIZE_REPORT_H
#define APPS_CLI_QUANTIZE_REPORT_H

#include <stdbool.h>

#include "marvis.h"

/* Prints a table on standard output: for the usual mixes, and settings->types where given, the size
 * of the file, the divergence by codebooks and the share of equal greedy codes; where settings has
 * a calibration, those below 16 bits without and with it. The model needs its
 * codec and its tokenizer. */
MARVIS_CHECK marvis_status quantize_report(marvis_engine *engine, const marvis_model *model,
                                           const marvis_save_settings *settings, marvis_error *err);

#endif
