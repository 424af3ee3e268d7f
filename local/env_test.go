package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEnvFileIsForAShell(t *testing.T) {
	t.Parallel()
	hostile := "a b'c\"$(echo no)`echo no`;\\ &|*?#~=é"
	file := filepath.Join(t.TempDir(), "env")
	require.NoError(t, os.WriteFile(file, envFile([]variable{
		{"PLAIN", "http://127.0.0.1:10000/durabatch"},
		{"HOSTILE", hostile},
		{"EMPTY", ""},
	}), 0o600))
	out, err := exec.Command("/bin/sh", "-c", `. "$1" && printf '%s\n%s\n%s\n' "$PLAIN" "$HOSTILE" "$EMPTY" && env | grep -c '^PLAIN='`, "sh", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "http://127.0.0.1:10000/durabatch\n"+hostile+"\n\n1\n", string(out))
}

func TestWithoutForeign(t *testing.T) {
	t.Parallel()
	env := []string{"PATH=/bin", "AZURE_CLIENT_ID=x", "TEMPORAL_API_KEY=x", "AZURITE_ACCOUNTS=x", "DURABATCH_UI=x", "HOME=/root"}
	require.Equal(t, []string{"PATH=/bin", "HOME=/root"}, withoutForeign(env))
	require.Len(t, env, 6, "the caller's is as it was")
}

func TestLookup(t *testing.T) {
	t.Parallel()
	env := []string{"A=1", "AB=2", "A=3"}
	require.Equal(t, "3", lookup(env, "A"))
	require.Empty(t, lookup(env, "B"))
}
