#include "tools/point.h"

#include "tools/text.h"

bool
point_parse(const char *text, struct point *point)
{
    point->given = true;
    point->is_time = !text_u64_parse(text, &point->value);
    return !point->is_time || text_time_parse(text, &point->value);
}

bool
point_begun(const struct point *from, uint64_t seq, uint64_t time_ns)
{
    return !from->given || (from->is_time ? time_ns : seq) >= from->value;
}

bool
point_past(const struct point *to, uint64_t seq, uint64_t time_ns)
{
    if (!to->given)
        return false;
    return to->is_time ? time_ns >= to->value : seq > to->value;
}
