package activities

import (
	"context"
	"errors"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"go.temporal.io/sdk/temporal"

	"github.com/durabatch/durabatch/azure"
)

// value is what p points to, or the zero value: azbatch has pointers for
// everything and any of them may be nil.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// codeOf is the code of Azure's error, before or after fail made it one of
// Temporal's.
func codeOf(err error) string {
	if response := (*azcore.ResponseError)(nil); errors.As(err, &response) {
		return response.ErrorCode
	}
	if app := (*temporal.ApplicationError)(nil); errors.As(err, &app) {
		return app.Type()
	}
	return ""
}

func hasCode(err error, codes ...string) bool {
	if err == nil {
		return false
	}
	code := codeOf(err)
	for _, c := range codes {
		if strings.EqualFold(code, c) {
			return true
		}
	}
	return false
}

// isGone says that what was asked for does not exist any more.
func isGone(err error) bool {
	return err != nil && azure.KindOf(codeOf(err)) == azure.Gone
}

// isLocal says that neither Azure nor Temporal has a part in the error.
func isLocal(err error) bool {
	var app *temporal.ApplicationError
	var response *azcore.ResponseError
	return !errors.As(err, &app) && !errors.As(err, &response) && !errors.Is(err, context.Canceled)
}
