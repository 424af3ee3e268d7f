package localbatch

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
)

const masked = "MASKED"

// secrets are the shapes of what nobody may read in a log, and what is written
// instead. The service logs no such thing by itself; an error that it passes on
// might hold one.
var secrets = []struct {
	shape *regexp.Regexp
	with  string
}{
	{regexp.MustCompile(`(?i)((?:\b|%3f|%26)sig(?:=|%3d))[^&\s"'\\]+`), "${1}" + masked}, // of a SAS
	{regexp.MustCompile(`(?i)\b(sharedkey(?:lite)?\s+[\w-]+:)\S+`), "${1}" + masked},
	{regexp.MustCompile(`(?i)\b(bearer\s+)\S+`), "${1}" + masked},
	{regexp.MustCompile(`(?i)\b((?:account)?key|password|secret|token)(\\?["']?\s*[=:]\s*\\?["']?)[^\s"'\\,;&]+`), "${1}${2}" + masked},
}

// maskingHandler takes secrets out of all that it passes on.
type maskingHandler struct {
	slog.Handler
	known *strings.Replacer // of secrets by their value
}

// withoutSecrets is log with secrets masked: what looks like one, and the
// values given.
func withoutSecrets(log *slog.Logger, values ...string) *slog.Logger {
	var pairs []string
	for _, value := range values {
		if value != "" {
			pairs = append(pairs, value, masked)
		}
	}
	return slog.New(maskingHandler{log.Handler(), strings.NewReplacer(pairs...)})
}

func (h maskingHandler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, h.mask(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.maskAttr(a))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

func (h maskingHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.maskAttr(a)
	}
	return maskingHandler{h.Handler.WithAttrs(clean), h.known}
}

func (h maskingHandler) WithGroup(name string) slog.Handler {
	return maskingHandler{h.Handler.WithGroup(name), h.known}
}

func (h maskingHandler) maskAttr(a slog.Attr) slog.Attr {
	switch value := a.Value.Resolve(); value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(h.mask(value.String()))
	case slog.KindAny: // an error, as a rule
		a.Value = slog.StringValue(h.mask(fmt.Sprint(value.Any())))
	case slog.KindGroup:
		var clean []slog.Attr
		for _, member := range value.Group() {
			clean = append(clean, h.maskAttr(member))
		}
		a.Value = slog.GroupValue(clean...)
	}
	return a
}

func (h maskingHandler) mask(text string) string {
	text = h.known.Replace(text)
	for _, secret := range secrets {
		text = secret.shape.ReplaceAllString(text, secret.with)
	}
	return text
}
