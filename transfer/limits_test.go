package transfer

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBuffersKeepToTheirLimit(t *testing.T) {
	t.Parallel()
	b := newBuffers(8 << 20)
	first, err := b.get(t.Context(), 5<<20)
	require.NoError(t, err)
	require.Len(t, first.data, 5<<20)
	ended, end := context.WithCancel(t.Context())
	end()
	_, err = b.get(ended, 1)
	require.ErrorIs(t, err, context.Canceled, "the first takes 8 MiB, rounded up")
	first.release()
	require.Zero(t, b.kept, "nothing is kept while nothing is lent")

	small, err := b.get(t.Context(), 100)
	require.NoError(t, err)
	half, err := b.get(t.Context(), 4<<20)
	require.NoError(t, err)
	half.release()
	require.EqualValues(t, 4<<20, b.kept)
	again, err := b.get(t.Context(), 4<<20)
	require.NoError(t, err)
	require.Same(t, &half.data[0], &again.data[0], "what came back is lent again")
	again.release()
	for range 3 {
		other, err := b.get(t.Context(), 2<<20)
		require.NoError(t, err)
		other.release()
		require.LessOrEqual(t, b.kept+b.lent, b.limit)
	}
	small.release()
	require.Zero(t, b.kept)
	require.Zero(t, b.lent)
}

func TestLimitsHaveDefaults(t *testing.T) {
	t.Parallel()
	require.Equal(t, Limits{Files: defaultFiles, Memory: defaultMemory}, Limits{}.withDefaults())
	require.Equal(t, Limits{Files: 3, Memory: leastMemory}, Limits{Files: 3, Memory: 1}.withDefaults())
}
