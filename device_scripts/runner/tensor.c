#include "tensor.h"

#include <math.h>
#include <string.h>

#include "report.h"

enum { FLOAT32 = 1, INT32 = 2, UINT8 = 3, INT64 = 4, STRING = 5, BOOL = 6, INT16 = 7, INT8 = 9, FLOAT16 = 10,
       FLOAT64 = 11, UINT64 = 13, UINT32 = 16, UINT16 = 17 };

#define MAX_TENSOR_BYTES ((size_t)1 << 31)

struct type {
  const char *name;
  size_t bytes;
  char kind; /* f float, i signed, u unsigned, b bool */
};

static const struct type types[] = {
    [FLOAT32] = {"float32", 4, 'f'}, [INT32] = {"int32", 4, 'i'},   [UINT8] = {"uint8", 1, 'u'},
    [INT64] = {"int64", 8, 'i'},     [BOOL] = {"bool", 1, 'b'},     [INT16] = {"int16", 2, 'i'},
    [INT8] = {"int8", 1, 'i'},       [FLOAT16] = {"float16", 2, 'f'}, [FLOAT64] = {"float64", 8, 'f'},
    [UINT64] = {"uint64", 8, 'u'},   [UINT32] = {"uint32", 4, 'u'}, [UINT16] = {"uint16", 2, 'u'},
};

static const struct type *type_of(int type) {
  if (type < 0 || (size_t)type >= sizeof types / sizeof types[0] || types[type].name == NULL) return NULL;
  return &types[type];
}

const char *type_name(int type) { return type_of(type) ? type_of(type)->name : NULL; }
bool type_is_float32(int type) { return type == FLOAT32; }
bool type_is_float(int type) { return type_of(type) && type_of(type)->kind == 'f'; }

void tensor_measure(struct tensor *tensor) {
  if (tensor->type == STRING)
    die("unsupported", "tensor '%s' holds strings; only numbers can be measured", tensor->name);
  const struct type *type = type_of(tensor->type);
  if (type == NULL) die("unsupported", "tensor '%s' is of type %d, which is not known", tensor->name, tensor->type);
  tensor->elements = 1;
  for (int i = 0; i < tensor->rank; i++) {
    if (i == 0 && tensor->dims[i] < 0) {
      tensor->dims[i] = 1;
      tensor->dynamic = true;
    }
    if (tensor->dims[i] < 0)
      die("unsupported", "tensor '%s' has a dynamic dimension; export the model with a static shape", tensor->name);
    if (tensor->dims[i] > 0 && tensor->elements > MAX_TENSOR_BYTES / type->bytes / (size_t)tensor->dims[i])
      die("unsupported", "tensor '%s' is larger than 2 GiB", tensor->name);
    tensor->elements *= (size_t)tensor->dims[i];
  }
  tensor->bytes = tensor->elements * type->bytes;
}

uint64_t random_next(struct random *random) {
  uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* ---- half precision --------------------------------------------------------------------------------------------- */

static float half_to_float(uint16_t half) {
  int exponent = half >> 10 & 31, fraction = half & 1023;
  double magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
                     : exponent == 0 ? ldexp(fraction, -24)
                                     : ldexp(1024 + fraction, exponent - 25);
  return (float)(half & 0x8000 ? -magnitude : magnitude);
}

static uint16_t float_to_half(double value) {
  uint16_t sign = signbit(value) ? 0x8000 : 0;
  double magnitude = fabs(value);
  if (isnan(value)) return 0x7e00;
  if (magnitude >= 65520.0) return sign | 0x7c00; /* half way from the largest half to the next power of two */
  if (magnitude < ldexp(1.0, -14)) return sign | (uint16_t)lrint(ldexp(magnitude, 24));
  int exponent;
  double fraction = frexp(magnitude, &exponent); /* in [0.5, 1) */
  /* Rounding up to 2048 carries into the exponent by itself. */
  long scaled = lrint(ldexp(fraction, 11));
  return sign | (uint16_t)(((exponent + 13) << 10) + scaled);
}

/* ---- one element ------------------------------------------------------------------------------------------------ */

static double clip(double value, double low, double high) { return value < low ? low : value > high ? high : value; }

#define STORE(ctype, value)             \
  do {                                  \
    ctype stored = (ctype)(value);      \
    memcpy(into, &stored, sizeof stored); \
  } while (0)

static void store_integer(int type, double value, unsigned char *into) {
  double q = rint(value);
  switch (type) {
    case INT8: STORE(int8_t, clip(q, -128, 127)); break;
    case UINT8: STORE(uint8_t, clip(q, 0, 255)); break;
    case INT16: STORE(int16_t, clip(q, -32768, 32767)); break;
    case UINT16: STORE(uint16_t, clip(q, 0, 65535)); break;
    case INT32: STORE(int32_t, clip(q, INT32_MIN, INT32_MAX)); break;
    case UINT32: STORE(uint32_t, clip(q, 0, UINT32_MAX)); break;
    /* 2^63 and 2^64 are doubles, the limits below them are not. */
    case INT64: STORE(int64_t, q >= 0x1p63 ? INT64_MAX : q <= -0x1p63 ? INT64_MIN : (int64_t)q); break;
    case UINT64: STORE(uint64_t, q >= 0x1p64 ? UINT64_MAX : q <= 0 ? 0 : (uint64_t)q); break;
    default: STORE(uint8_t, q != 0.0); break;
  }
}

static void store_float(int type, float value, unsigned char *into) {
  if (type == FLOAT16) STORE(uint16_t, float_to_half(value));
  else if (type == FLOAT64) STORE(double, value);
  else STORE(float, value);
}

static double load(int type, const unsigned char *from) {
  union {
    float f; double d; int8_t i8; uint8_t u8; int16_t i16; uint16_t u16; int32_t i32; uint32_t u32; int64_t i64;
    uint64_t u64;
  } value;
  memcpy(&value, from, type_of(type)->bytes);
  switch (type) {
    case FLOAT32: return value.f;
    case FLOAT64: return value.d;
    case FLOAT16: return half_to_float(value.u16);
    case INT8: return value.i8;
    case INT16: return value.i16;
    case UINT16: return value.u16;
    case INT32: return value.i32;
    case UINT32: return value.u32;
    case INT64: return (double)value.i64;
    case UINT64: return (double)value.u64;
    default: return value.u8;
  }
}

/* ---- tensors ---------------------------------------------------------------------------------------------------- */

static bool is_quantized(const struct tensor *tensor) { return !type_is_float(tensor->type) && tensor->scale != 0.0f; }

void tensor_random(const struct tensor *tensor, struct random *random, unsigned char *into) {
  size_t size = type_of(tensor->type)->bytes;
  for (size_t i = 0; i < tensor->elements; i++, into += size) {
    uint64_t bits = random_next(random);
    if (type_is_float(tensor->type)) store_float(tensor->type, (float)((double)(bits >> 40) * 0x1p-23 - 1.0), into);
    else if (is_quantized(tensor)) memcpy(into, &bits, size);
    else memset(into, 0, size);
  }
}

void tensor_quantize(const struct tensor *tensor, const float *values, size_t count, unsigned char *into) {
  size_t size = type_of(tensor->type)->bytes;
  bool scaled = is_quantized(tensor);
  if (tensor->type == FLOAT32) {
    memcpy(into, values, count * size);
    return;
  }
  for (size_t i = 0; i < count; i++, into += size) {
    double exact = values[i];
    if (type_is_float(tensor->type)) store_float(tensor->type, values[i], into);
    else store_integer(tensor->type, scaled ? exact / tensor->scale + tensor->zero_point : exact, into);
  }
}

void tensor_dequantize(const struct tensor *tensor, const unsigned char *values, size_t count, float *into) {
  size_t size = type_of(tensor->type)->bytes;
  bool scaled = is_quantized(tensor);
  for (size_t i = 0; i < count; i++, values += size) {
    double value = load(tensor->type, values);
    into[i] = (float)(scaled ? (value - tensor->zero_point) * tensor->scale : value);
  }
}

void tensor_describe(const struct tensor *tensor) {
  open_object(NULL);
  put_string("name", tensor->name);
  put_string("dtype", type_name(tensor->type));
  open_array("shape");
  for (int i = 0; i < tensor->rank; i++) put_int(NULL, tensor->dims[i]);
  close_array();
  put_number("scale", tensor->scale);
  put_int("zero_point", tensor->zero_point);
  close_object();
}
