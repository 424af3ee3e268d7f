package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// untilGone looks until what is looked at answers 404.
func untilGone(ctx context.Context, look func(context.Context) error) error {
	var patience patience
	for started := time.Now(); ; {
		if err := look(ctx); !patience.bears(ctx, err) {
			return unlessGone(err)
		}
		activity.RecordHeartbeat(ctx)
		if err := pause(ctx, pollInterval(time.Since(started))); err != nil {
			return err
		}
	}
}

// unlessGone makes success of the failure to find what was to be deleted. What
// bears our name and is another's is not ours to delete.
func unlessGone(err error) error {
	if isGone(err) || hasCode(err, NotOurs) {
		return nil
	}
	return err
}
