package transfer

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBlocksCoverTheFile(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{0, 1, leastBlock - 1, leastBlock, leastBlock + 1, 10 * leastBlock, maxBlocks * leastBlock, maxBlocks*leastBlock + 1, 1 << 40} {
		all := slices.Collect(blocks(size))
		require.LessOrEqual(t, len(all), maxBlocks, "%d bytes", size)
		var next int64
		for i, b := range all {
			if b.index != i || b.offset != next || b.length <= 0 || b.length > blockSize(size) {
				t.Fatalf("%d bytes: block %d is %+v", size, i, b)
			}
			next += b.length
		}
		require.Equal(t, size, next)
	}
}

func TestBlocksStaySmallWhileTheyCan(t *testing.T) {
	t.Parallel()
	require.EqualValues(t, leastBlock, blockSize(1))
	require.EqualValues(t, leastBlock, blockSize(maxBlocks*leastBlock))
	require.EqualValues(t, 2*leastBlock, blockSize(maxBlocks*leastBlock+1))
	require.NoError(t, fits(maxBlocks*leastBlock, leastMemory))
	require.ErrorContains(t, fits(1<<42, leastMemory), "need blocks of 128 MiB, but transfers may use 8 MiB")
}
