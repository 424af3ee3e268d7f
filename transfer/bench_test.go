package transfer

import (
	"fmt"
	"testing"
)

// Both directions between disk and Azurite, whose own speed is most of it.
func BenchmarkThereAndBack(b *testing.B) {
	for name, shape := range map[string]struct{ files, size int }{
		"1000 of 64 KiB":  {1000, 64 << 10},
		"20 of 2.7 MB":    {20, 2_700_000},
		"one of 256 MiB":  {1, 256 << 20},
		"1000 of 64 byte": {1000, 64},
	} {
		dir := b.TempDir()
		for i := range shape.files {
			writeFile(b, dir, fmt.Sprintf("%06d", i), content(uint64(i), shape.size))
		}
		all := uploads(b, dir)
		c := azurite.NewContainer(b)
		b.Run("upload "+name, func(b *testing.B) {
			b.SetBytes(int64(shape.files) * int64(shape.size))
			for b.Loop() {
				b.StopTimer()
				c = azurite.NewContainer(b)
				b.StartTimer()
				if _, err := NewUploader(NewBudget(Limits{})).Upload(b.Context(), c, all, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
		listed := downloads(b, c)
		b.Run("download "+name, func(b *testing.B) {
			b.SetBytes(int64(shape.files) * int64(shape.size))
			for b.Loop() {
				d := openDownloader(b, b.TempDir(), Limits{})
				if err := d.Download(b.Context(), c, listOf(listed), nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
