package main

import (
	"io"
	"log/slog"

	"github.com/durabatch/durabatch/azure"
)

// newLogger logs to out as text or, where format is "json", as JSON.
func newLogger(out io.Writer, format string) *slog.Logger {
	out = scrubbing{out}
	options := &slog.HandlerOptions{ReplaceAttr: scrubAttr}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}

// scrubAttr takes secrets out of a value before it is quoted.
func scrubAttr(_ []string, attr slog.Attr) slog.Attr {
	switch value := attr.Value.Resolve(); value.Kind() {
	case slog.KindString:
		attr.Value = slog.StringValue(azure.Scrub(value.String()))
	case slog.KindAny:
		if err, ok := value.Any().(error); ok {
			attr.Value = slog.StringValue(azure.Scrub(err.Error()))
		}
	}
	return attr
}

// scrubbing takes secrets out of whole records: the SDK logs structures, such
// as the result of an activity that came too late. A handler writes each record
// at once.
type scrubbing struct{ out io.Writer }

func (s scrubbing) Write(record []byte) (int, error) {
	if _, err := io.WriteString(s.out, azure.Scrub(string(record))); err != nil {
		return 0, err
	}
	return len(record), nil
}
