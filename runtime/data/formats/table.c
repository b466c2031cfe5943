#include "runtime/data/formats.h"

extern const DataFormats seppo_data_formats;
const DataFormats seppo_data_formats = {format_npz, format_images};
