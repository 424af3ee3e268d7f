package node_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch/node"
)

func BenchmarkTrue(b *testing.B) {
	m := node.NewMachine(node.Options{})
	dir := b.TempDir()
	for b.Loop() {
		r := m.Run(b.Context(), node.Task{Dir: dir, CommandLine: "true"}, nil)
		require.Nil(b, r.Failure)
	}
}
