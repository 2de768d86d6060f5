#include "tools/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SECONDS_A_DAY 86400u
#define PX_DECIMALS   8u

const char *
text_px(px_t px, unsigned decimals, char buf[TEXT_PX_BYTES])
{
    const uint64_t size = px < 0 ? -(uint64_t)px : (uint64_t)px;
    const uint64_t one = (uint64_t)PX_ONE;
    char fraction[PX_DECIMALS + 1];
    size_t len = PX_DECIMALS;

    ASSERT(decimals <= PX_DECIMALS);
    snprintf(fraction, sizeof fraction, "%08" PRIu32, (uint32_t)(size % one));
    while (len > decimals && fraction[len - 1] == '0')
        len--;
    fraction[len] = '\0';
    snprintf(buf, TEXT_PX_BYTES, "%s%" PRIu64 "%s%s", px < 0 ? "-" : "", size / one,
             len > 0 ? "." : "", fraction);
    return buf;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool
text_u64_parse(const char *text, uint64_t *value)
{
    uint64_t sum = 0;

    if (!is_digit(*text))
        return false;
    for (; is_digit(*text); text++) {
        if (__builtin_mul_overflow(sum, 10u, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*text - '0'), &sum))
            return false;
    }
    if (*text != '\0')
        return false;
    *value = sum;
    return true;
}

bool
text_px_parse(const char *text, px_t *px)
{
    const bool negative = *text == '-';
    notional_t sum = 0;
    unsigned decimals = 0;

    text += negative;
    if (!is_digit(*text))
        return false;
    for (; is_digit(*text); text++) {
        sum = sum * 10 + (*text - '0');
        if (sum > PX_MAX)
            return false;
    }
    if (*text == '.') {
        text++;
        if (!is_digit(*text))
            return false;
        for (; is_digit(*text); text++) {
            if (++decimals > PX_DECIMALS)
                return false;
            sum = sum * 10 + (*text - '0');
        }
    }
    if (*text != '\0')
        return false;
    for (; decimals < PX_DECIMALS; decimals++)
        sum *= 10;
    return notional_to_i64(negative ? -sum : sum, px);
}

/* days_of_civil counts days from 1970-01-01 in the Gregorian calendar; the year
 * begins in March, so that the leap day is its last. */
static int64_t
days_of_civil(int64_t year, unsigned month, unsigned day)
{
    const int64_t march_year = month > 2 ? year : year - 1;
    const int64_t era = march_year / 400;
    const int64_t year_of_era = march_year - era * 400;
    const int64_t day_of_year =
        (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static void
civil_of_days(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
    const int64_t shifted = days + 719468;
    const int64_t era = shifted / 146097;
    const int64_t day_of_era = shifted - era * 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t march_month = (5 * day_of_year + 2) / 153;

    *day = (unsigned)(day_of_year - (153 * march_month + 2) / 5 + 1);
    *month = (unsigned)(march_month < 10 ? march_month + 3 : march_month - 9);
    *year = (unsigned)(year_of_era + era * 400 + (*month <= 2));
}

const char *
text_time(uint64_t time_ns, char buf[TEXT_TIME_BYTES])
{
    const uint64_t second = time_ns / 1000000000u;
    const uint32_t of_day = (uint32_t)(second % SECONDS_A_DAY);
    unsigned year;
    unsigned month;
    unsigned day;

    civil_of_days((int64_t)(second / SECONDS_A_DAY), &year, &month, &day);
    snprintf(buf, TEXT_TIME_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%09uZ", year % 10000u,
             month % 100u, day % 100u, of_day / 3600u, of_day / 60u % 60u, of_day % 60u,
             (unsigned)(time_ns % 1000000000u));
    return buf;
}

/* take_number reads exactly `digits` digits. */
static bool
take_number(const char **at, unsigned digits, unsigned *value)
{
    *value = 0;
    for (; digits > 0; digits--, (*at)++) {
        if (!is_digit(**at))
            return false;
        *value = *value * 10 + (unsigned)(**at - '0');
    }
    return true;
}

static bool
take_char(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

static bool
take_clock(const char **at, uint64_t *second, unsigned *ns)
{
    unsigned hour;
    unsigned minute;
    unsigned sec;
    unsigned unit = 100000000;

    if (!take_number(at, 2, &hour) || !take_char(at, ':') || !take_number(at, 2, &minute) ||
        !take_char(at, ':') || !take_number(at, 2, &sec))
        return false;
    if (hour > 23 || minute > 59 || sec > 59)
        return false;
    *second += hour * 3600u + minute * 60u + sec;
    if (!take_char(at, '.'))
        return true;
    if (!is_digit(**at))
        return false;
    for (; is_digit(**at) && unit > 0; (*at)++, unit /= 10)
        *ns += (unsigned)(**at - '0') * unit;
    return true;
}

bool
text_time_parse(const char *text, uint64_t *time_ns)
{
    static const unsigned char days_in[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year;
    unsigned month;
    unsigned day;
    unsigned ns = 0;

    if (!take_number(&text, 4, &year) || !take_char(&text, '-') || !take_number(&text, 2, &month) ||
        !take_char(&text, '-') || !take_number(&text, 2, &day))
        return false;
    if (year < 1970 || year > 2500 || month < 1 || month > 12 || day < 1)
        return false;
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > days_in[month - 1] + (month == 2 && leap ? 1u : 0u))
        return false;

    uint64_t second = (uint64_t)days_of_civil(year, month, day) * SECONDS_A_DAY;
    if (take_char(&text, 'T') && !take_clock(&text, &second, &ns))
        return false;
    if (*text == 'Z')
        text++;
    if (*text != '\0')
        return false;
    *time_ns = second * 1000000000u + ns;
    return true;
}

const char *
text_hash(struct hash128 hash, char buf[TEXT_HASH_BYTES])
{
    snprintf(buf, TEXT_HASH_BYTES, "%016" PRIx64 "%016" PRIx64, hash.hi, hash.lo);
    return buf;
}

const char *
text_ipv4(uint32_t ip, char buf[16])
{
    snprintf(buf, 16, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 0xffu, ip >> 8 & 0xffu, ip & 0xffu);
    return buf;
}

bool
text_ipv4_parse(const char *text, uint32_t *ip)
{
    uint32_t sum = 0;

    for (unsigned part = 0; part < 4; part++) {
        unsigned value = 0;
        unsigned digits = 0;

        if (part > 0 && !take_char(&text, '.'))
            return false;
        for (; is_digit(*text) && digits < 3; text++, digits++)
            value = value * 10 + (unsigned)(*text - '0');
        if (digits == 0 || value > 255)
            return false;
        sum = sum << 8 | value;
    }
    if (*text != '\0')
        return false;
    *ip = sum;
    return true;
}
