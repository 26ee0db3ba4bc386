/* One flat JSON object on stdout, field by field. */
#ifndef JSON_H
#define JSON_H

#include <stdint.h>
#include <stdio.h>

static inline void json_begin(const char *name, const char *text)
{
    printf("{\"%s\":\"%s\"", name, text);
}

static inline void json_text(const char *name, const char *text)
{
    printf(",\"%s\":\"%s\"", name, text);
}

static inline void json_int(const char *name, int64_t value)
{
    printf(",\"%s\":%lld", name, (long long)value);
}

static inline void json_real(const char *name, double value)
{
    printf(",\"%s\":%.4f", name, value);
}

static inline void json_end(void)
{
    printf("}\n");
}

#endif
