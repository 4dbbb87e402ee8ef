/*
 * fmt.c - bounded printf.
 *
 * A conversion is %[flags][width][.precision][length]letter. It is parsed into
 * a struct fmt_spec first and performed after; text beyond the buffer is only
 * counted. An unknown letter is shown as it stands and takes no argument, so a
 * mistake in a format cannot walk off the argument list.
 */
#include <bh/string.h>

#define FMT_DIGITS_MAX 20   /* of 2^64 in decimal */
#define FMT_WIDTH_MAX  4096 /* a wild width must not take forever */

struct fmt_out {
	char *dst;
	size_t size;
	size_t len; /* of the full text so far, stored or not */
};

struct fmt_args {
	va_list ap;
};

/* In the order of fmt_flag_letters. */
enum fmt_flag {
	FMT_LEFT = 1,
	FMT_ZERO = 2,
	FMT_PLUS = 4,
	FMT_SPACE = 8,
	FMT_ALT = 16,
};
static const char fmt_flag_letters[] = "-0+ #";

struct fmt_spec {
	uint32_t flags; /* of enum fmt_flag */
	bool has_precision;
	uint32_t width;
	uint32_t precision;
	uint32_t bits; /* of an integer */
	char letter;
};

/* Digits of a number, last digit last, and what goes before them. */
struct fmt_number {
	char digits[FMT_DIGITS_MAX];
	uint32_t count;
	const char *prefix;
};

static void fmt_putc(struct fmt_out *o, char c)
{
	if (o->len + 1 < o->size) {
		o->dst[o->len] = c;
	}
	o->len++;
}

static void fmt_repeat(struct fmt_out *o, char c, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		fmt_putc(o, c);
	}
}

static void fmt_puts(struct fmt_out *o, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		fmt_putc(o, s[i]);
	}
}

/* @s at the left or right end of a field of the spec's width. */
static void fmt_padded(struct fmt_out *o, const struct fmt_spec *spec,
		       const char *s, size_t len)
{
	size_t pad = spec->width > len ? spec->width - len : 0;

	if (!(spec->flags & FMT_LEFT)) {
		fmt_repeat(o, ' ', pad);
	}
	fmt_puts(o, s, len);
	if (spec->flags & FMT_LEFT) {
		fmt_repeat(o, ' ', pad);
	}
}

/* Digits of @v; zero has the digit 0 unless an explicit precision is 0. */
static void fmt_digits(struct fmt_number *n, const struct fmt_spec *spec,
		       uint64_t v, uint32_t base)
{
	const char *set =
		spec->letter == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	uint32_t at = FMT_DIGITS_MAX;

	if (v == 0 && !(spec->has_precision && spec->precision == 0)) {
		n->digits[--at] = '0';
	}
	for (; v != 0; v /= base) {
		n->digits[--at] = set[v % base];
	}
	n->count = FMT_DIGITS_MAX - at;
}

/* Field: blanks, prefix, zeros, digits, blanks. */
static void fmt_number(struct fmt_out *o, const struct fmt_spec *spec,
		       const struct fmt_number *n)
{
	size_t prefix = strlen(n->prefix);
	size_t zeros = 0;
	size_t pad = 0;

	if (spec->has_precision && spec->precision > n->count) {
		zeros = spec->precision - n->count;
	}
	if (spec->width > prefix + zeros + n->count) {
		pad = spec->width - prefix - zeros - n->count;
	}
	if ((spec->flags & FMT_ZERO) && !(spec->flags & FMT_LEFT) &&
	    !spec->has_precision) {
		zeros += pad;
		pad = 0;
	}
	if (!(spec->flags & FMT_LEFT)) {
		fmt_repeat(o, ' ', pad);
	}
	fmt_puts(o, n->prefix, prefix);
	fmt_repeat(o, '0', zeros);
	fmt_puts(o, n->digits + FMT_DIGITS_MAX - n->count, n->count);
	if (spec->flags & FMT_LEFT) {
		fmt_repeat(o, ' ', pad);
	}
}

/* %d %i: the sign goes before the zeros. */
static void fmt_signed(struct fmt_out *o, const struct fmt_spec *spec,
		       uint64_t raw)
{
	uint32_t unused = 64 - spec->bits;
	int64_t v = (int64_t)(raw << unused) >> unused;
	struct fmt_number n = { .prefix = "" };

	if (v < 0) {
		n.prefix = "-";
	} else if (spec->flags & FMT_PLUS) {
		n.prefix = "+";
	} else if (spec->flags & FMT_SPACE) {
		n.prefix = " ";
	}
	fmt_digits(&n, spec, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10);
	fmt_number(o, spec, &n);
}

/* %u %x %X %p */
static void fmt_unsigned(struct fmt_out *o, const struct fmt_spec *spec,
			 uint64_t raw)
{
	uint32_t unused = 64 - spec->bits;
	uint64_t v = raw << unused >> unused;
	struct fmt_number n = { .prefix = "" };

	if (spec->letter == 'p') {
		n.prefix = "0x";
	} else if (spec->letter != 'u' && (spec->flags & FMT_ALT) && v != 0) {
		n.prefix = spec->letter == 'X' ? "0X" : "0x";
	}
	fmt_digits(&n, spec, v, spec->letter == 'u' ? 10 : 16);
	fmt_number(o, spec, &n);
}

/* The next integer or pointer; what is above its bits does not count. */
static uint64_t fmt_integer(const struct fmt_spec *spec, struct fmt_args *args)
{
	return spec->bits == 64 ? va_arg(args->ap, uint64_t)
				: va_arg(args->ap, unsigned int);
}

static void fmt_string(struct fmt_out *o, const struct fmt_spec *spec,
		       struct fmt_args *args)
{
	const char *s = va_arg(args->ap, const char *);

	if (s == NULL) {
		s = "(null)";
	}
	fmt_padded(o, spec, s,
		   spec->has_precision ? strnlen(s, spec->precision)
				       : strlen(s));
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A decimal number or '*'; *@s moves behind it. Negative '*' gives its sign. */
static uint32_t parse_count(const char **s, struct fmt_args *args,
			    bool *is_negative)
{
	uint32_t v = 0;

	*is_negative = false;
	if (**s == '*') {
		int arg = va_arg(args->ap, int);

		(*s)++;
		*is_negative = arg < 0;
		v = arg < 0 ? 0u - (uint32_t)arg : (uint32_t)arg;
	}
	for (; is_digit(**s); (*s)++) {
		v = v < FMT_WIDTH_MAX ? v * 10 + (uint32_t)(**s - '0') : v;
	}
	return v;
}

static void parse_flags(const char **s, struct fmt_spec *spec)
{
	for (;; (*s)++) {
		uint32_t i = 0;

		while (fmt_flag_letters[i] != '\0' &&
		       fmt_flag_letters[i] != **s) {
			i++;
		}
		if (fmt_flag_letters[i] == '\0') {
			return;
		}
		spec->flags |= 1u << i;
	}
}

static void parse_length(const char **s, struct fmt_spec *spec)
{
	char c = **s;

	spec->bits = 32;
	if (c == 'h') {
		spec->bits = (*s)[1] == 'h' ? 8 : 16;
		*s += spec->bits == 8 ? 2 : 1;
	} else if (c == 'l' || c == 'z' || c == 'j' || c == 't') {
		spec->bits = 64; /* all of them have 64 bits here */
		*s += c == 'l' && (*s)[1] == 'l' ? 2 : 1;
	}
}

/* What follows a '%'; *@s moves behind the letter. */
static struct fmt_spec parse_spec(const char **s, struct fmt_args *args)
{
	struct fmt_spec spec = { 0 };
	bool is_negative;

	parse_flags(s, &spec);
	spec.width = parse_count(s, args, &is_negative);
	spec.flags |= is_negative ? FMT_LEFT : 0;
	spec.width = spec.width < FMT_WIDTH_MAX ? spec.width : FMT_WIDTH_MAX;
	if (**s == '.') {
		(*s)++;
		spec.precision = parse_count(s, args, &is_negative);
		spec.has_precision = !is_negative;
	}
	parse_length(s, &spec);
	spec.letter = **s;
	*s += spec.letter != '\0';
	if (spec.letter == 'p') {
		spec.bits = 64;
	}
	return spec;
}

/* Perform one conversion; false if the letter is none of ours. */
static bool fmt_convert(struct fmt_out *o, struct fmt_spec *spec,
			struct fmt_args *args)
{
	char c;

	if (spec->letter != 's' && spec->precision > FMT_WIDTH_MAX) {
		spec->precision = FMT_WIDTH_MAX;
	}
	switch (spec->letter) {
	case 'd':
	case 'i':
		fmt_signed(o, spec, fmt_integer(spec, args));
		return true;
	case 'u':
	case 'x':
	case 'X':
	case 'p':
		fmt_unsigned(o, spec, fmt_integer(spec, args));
		return true;
	case 's':
		fmt_string(o, spec, args);
		return true;
	case 'c':
		c = (char)va_arg(args->ap, int);
		fmt_padded(o, spec, &c, 1);
		return true;
	case '%':
		fmt_putc(o, '%');
		return true;
	default:
		return false;
	}
}

/**
 * fmt_vprint() - as fmt_print(), with the arguments in a va_list.
 * Return: length the full text has; @dst is always NUL-terminated if size > 0.
 */
size_t fmt_vprint(char *dst, size_t size, const char *fmt, va_list ap)
{
	struct fmt_out o = { dst, size, 0 };
	struct fmt_args args;

	va_copy(args.ap, ap);
	while (*fmt != '\0') {
		const char *start = fmt;
		struct fmt_spec spec;

		if (*fmt++ != '%') {
			fmt_putc(&o, *start);
			continue;
		}
		spec = parse_spec(&fmt, &args);
		if (!fmt_convert(&o, &spec, &args)) {
			fmt_puts(&o, start, (size_t)(fmt - start));
		}
	}
	va_end(args.ap);
	if (size > 0) {
		dst[o.len < size ? o.len : size - 1] = '\0';
	}
	return o.len;
}

/**
 * fmt_print() - bounded printf: %d %i %u %x %X %p %s %c %% with the flags 0,
 * '-', '+', '#' and ' ', width, precision (also "*"), and the lengths h hh l ll
 * z j t.
 * Return: length the full text has; @dst is always NUL-terminated if size > 0.
 */
size_t fmt_print(char *dst, size_t size, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	len = fmt_vprint(dst, size, fmt, ap);
	va_end(ap);
	return len;
}
