package node

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWithoutSecrets(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://a/b?sv=1&sig=abc%2B%3D&se=2":     "https://a/b?sv=1&<signature>&se=2",
		`Get "https://a/b?sig=abc": no such host`: `Get "https://a/b?<signature>": no such host`,
		"https://a/b?SIG=abc":                     "https://a/b?<signature>",
		"u=https%3A%2F%2Fa%3Fsig%3Dabc%252B x":    "u=https%3A%2F%2Fa%3F<signature> x",
		"https://a/b?x=1%26sig%253Dabc":           "https://a/b?x=1%26<signature>",
		"?sig=a&sig=b sig=":                       "?<signature>&<signature> <signature>",
		"design=new signal sig":                   "design=new signal sig",
	} {
		require.Equal(t, want, withoutSecrets(text), text)
	}
}

func TestSourceHasNoQueryAndNoPassword(t *testing.T) {
	t.Parallel()
	require.Equal(t, "https://a:1/b/c%2Fd", source("https://user:word@a:1/b/c%2Fd?sig=x#sig=y"))
	require.NotContains(t, source("sig=x"), "x")
	require.NotContains(t, source("http://[::1/?sig=secret"), "secret")
}

func TestAsFailure(t *testing.T) {
	t.Parallel()
	require.Nil(t, asFailure(nil))
	require.Equal(t, CommandLaunchFailed, asFailure(errors.New("x")).Code)
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, ended(ctx))
	cancel()
	require.Equal(t, TaskEnded, asFailure(ended(ctx)).Code)
}
