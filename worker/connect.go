package main

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
)

// dial connects to Temporal, and keeps trying for as long as patience says:
// the two are often started together. It answers nil when ctx ends first. Once
// connected, the client connects again by itself, however long Temporal is away.
func dial(ctx context.Context, options client.Options, patience time.Duration, logger *slog.Logger) (client.Client, error) {
	options.Logger = log.NewStructuredLogger(logger)
	deadline := time.Now().Add(patience)
	for wait := 500 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		c, err := dialOnce(ctx, options)
		switch {
		case ctx.Err() != nil:
			return nil, nil
		case err == nil:
			return c, nil
		case time.Now().Add(wait).After(deadline):
			return nil, exitf(exitUnreachable, "Temporal at %s has not answered for %s: %w. Start it (bin/local up), or set TEMPORAL_ADDRESS",
				options.HostPort, patience, err)
		}
		logger.Warn("Temporal does not answer; trying again", "address", options.HostPort, "in", wait, "error", err)
		select {
		case <-ctx.Done():
			return nil, nil
		case <-time.After(wait):
		}
	}
}

func dialOnce(ctx context.Context, options client.Options) (client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return client.DialContext(ctx, options)
}
