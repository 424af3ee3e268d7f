package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// The checked-in schema is what the types say now; go generate ./workload makes
// it so.
func TestSchemaIsUpToDate(t *testing.T) {
	t.Chdir("../..")
	want, err := generate()
	require.NoError(t, err)
	got, err := os.ReadFile("schema.json")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}
