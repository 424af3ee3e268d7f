package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/temporal"
)

// mostMissed is how many looks in a row may fail before their attempt does.
const mostMissed = 5

// patience is for what is looked at again and again: a look that fails is no
// reason to give up, since the next one comes in seconds, and the next attempt
// of a step that has had many may be minutes away. The zero value has missed
// none.
type patience struct{ missed int }

// bears says whether a look that ended like this is to be followed by another.
// What no attempt can mend is not borne.
func (p *patience) bears(ctx context.Context, err error) bool {
	if err == nil {
		p.missed = 0
		return true
	}
	p.missed++
	var app *temporal.ApplicationError
	return ctx.Err() == nil && errors.As(err, &app) && !app.NonRetryable() && p.missed < mostMissed
}
