package activities

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/transfer"
)

func TestOutputIndex(t *testing.T) {
	t.Parallel()
	index := newOutputIndex()
	sum := bytes.Repeat([]byte{7}, 16)
	index.add(transfer.Blob{Blob: "empty", MD5: sum})
	index.add(transfer.Blob{Blob: "empty without MD5"})
	index.add(transfer.Blob{Blob: "large", Size: 5 << 40})
	index.sort()
	for name, size := range map[string]int64{"empty": 0, "empty without MD5": 0, "large": 5 << 40} {
		found, ok := index.get(name)
		require.True(t, ok, name)
		require.Equal(t, size, found.bytes(), name)
		require.Equal(t, name == "empty", found.hash() != nil, name)
	}
	require.False(t, index.has("none"))
}

// TestOutputIndexStaysSmall: 200,000 blobs, each in 40 bytes at most.
func TestOutputIndexStaysSmall(t *testing.T) {
	const blobs = 200_000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	index := newOutputIndex()
	for i := range blobs {
		index.add(transfer.Blob{Blob: fmt.Sprintf("d/%d.out", i), Size: int64(i)})
	}
	index.sort()
	runtime.GC()
	runtime.ReadMemStats(&after)
	found, ok := index.get("d/199999.out")
	require.True(t, ok)
	require.EqualValues(t, 199_999, found.bytes())
	require.Less(t, float64(after.HeapAlloc)-float64(before.HeapAlloc), 40.0*blobs)
	runtime.KeepAlive(index)
}
