package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// scrubbing takes secrets out of what people can write into a span: the text
// of errors. It is the last line; spans are not to hold them in the first place.
type scrubbing struct {
	sdk.SpanExporter
	scrub func(string) string
}

func (s scrubbing) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	clean := make([]sdk.ReadOnlySpan, len(spans))
	for i, span := range spans {
		clean[i] = scrubbed{span, s.scrub}
	}
	return s.SpanExporter.ExportSpans(ctx, clean)
}

type scrubbed struct {
	sdk.ReadOnlySpan
	scrub func(string) string
}

func (s scrubbed) Status() sdk.Status {
	status := s.ReadOnlySpan.Status()
	status.Description = s.scrub(status.Description)
	return status
}

func (s scrubbed) Attributes() []attribute.KeyValue {
	return s.clean(s.ReadOnlySpan.Attributes())
}

func (s scrubbed) Events() []sdk.Event {
	events := make([]sdk.Event, len(s.ReadOnlySpan.Events()))
	for i, event := range s.ReadOnlySpan.Events() {
		event.Attributes = s.clean(event.Attributes)
		events[i] = event
	}
	return events
}

func (s scrubbed) clean(attributes []attribute.KeyValue) []attribute.KeyValue {
	clean := make([]attribute.KeyValue, len(attributes))
	for i, a := range attributes {
		if a.Value.Type() == attribute.STRING {
			a.Value = attribute.StringValue(s.scrub(a.Value.AsString()))
		}
		clean[i] = a
	}
	return clean
}
