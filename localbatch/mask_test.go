package localbatch

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	const planted = "c2VjcmV0"
	for _, text := range []string{
		"https://a.blob.core.windows.net/c/b?sv=2026&sig=" + planted + "%3D&sp=r",
		`Get "http://h/c?sv=1&sig=` + planted + `": connection refused`,
		"https%3A%2F%2Fh%2Fc%3Fsig%3D" + planted,
		"Authorization: SharedKey account:" + planted + "=",
		"authorization=Bearer " + planted,
		`{"password":"` + planted + `"}`,
		"AccountName=a;AccountKey=" + planted + "==;",
		"the key is the-account-key-" + planted,
	} {
		var said strings.Builder
		log := withoutSecrets(slog.New(slog.NewTextHandler(&said, nil)), "the-account-key-"+planted, "a-token")
		log.With("with", text).WithGroup("g").Error(text, "text", text, "error", errors.New(text), slog.Group("group", "inner", text))
		require.NotContains(t, said.String(), planted)
		require.GreaterOrEqual(t, strings.Count(said.String(), masked), 5, said.String())
	}
	var said strings.Builder
	withoutSecrets(slog.New(slog.NewTextHandler(&said, nil))).Info("design=bold", "status", 200, "task", "a", "error", errors.New("exit 1"))
	require.Contains(t, said.String(), `msg="design=bold" status=200 task=a error="exit 1"`)
}
