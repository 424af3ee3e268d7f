package telemetry

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/tracing"
	"github.com/Azure/azure-sdk-for-go/sdk/tracing/azotel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

// The variables that turn traces on; the rest of OTEL_* is read by OpenTelemetry
// itself (OpenTelemetry specification, OTLP exporter configuration).
const (
	EnvEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	EnvTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
)

// Traces sends spans to an OTLP endpoint. The zero value sends none.
type Traces struct {
	provider *sdk.TracerProvider
}

// NewTraces sends spans over OTLP/HTTP to the endpoint that the environment
// names, as the service of that name, with what scrub makes of their texts;
// without an endpoint it sends none. What cannot be sent is dropped: traces never
// hold up a run.
func NewTraces(ctx context.Context, getenv func(string) string, service string, scrub func(string) string) (Traces, error) {
	if getenv(EnvEndpoint) == "" && getenv(EnvTracesEndpoint) == "" {
		return Traces{}, nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return Traces{}, err
	}
	// What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say comes last, and holds.
	described, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", service)), resource.WithFromEnv())
	if err != nil {
		return Traces{}, err
	}
	return Traces{sdk.NewTracerProvider(sdk.WithBatcher(scrubbing{exporter, scrub}), sdk.WithResource(described))}, nil
}

// Interceptors are for a Temporal client; a worker of that client takes them
// on. Queries are left out: whoever watches a run asks twice a second.
func (t Traces) Interceptors() ([]interceptor.ClientInterceptor, error) {
	if t.provider == nil {
		return nil, nil
	}
	tracing, err := opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{
		Tracer: t.provider.Tracer("durabatch"), DisableQueryTracing: true,
	})
	if err != nil {
		return nil, err
	}
	return []interceptor.ClientInterceptor{tracing}, nil
}

// Azure is for the options of a client of Azure's SDK. Its spans leave out
// what may hold a signature.
func (t Traces) Azure() tracing.Provider {
	if t.provider == nil {
		return tracing.Provider{}
	}
	return azotel.NewTracingProvider(t.provider, nil)
}

// Close sends what is left, for as long as ctx lets it.
func (t Traces) Close(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}
