// Package telemetry is what durabatch's programs let be seen from outside:
// metrics for Prometheus and traces for whatever takes OTLP. It knows none of
// the product's other packages; those record by OpenTelemetry's own interfaces,
// or through Temporal's.
package telemetry
