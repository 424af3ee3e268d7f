package workload

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestBlobName(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, want string }{
		{"a.mp4", "a.mp4"},
		{"x/y/a b'c$(reboot)\"; -x.mp4", "x/y/a b'c$(reboot)\"; -x.mp4"},
		{"100%20#?&🎬.mp4", "100%20#?&🎬.mp4"},
		{".hidden/..x", ".hidden/..x"},
		{"_durabatch", "_durabatch"},
		{"line\nbreak", "_durabatch/names/line%0Abreak"},
		{"dir/dot.", "_durabatch/names/dir%2Fdot%2E"},
		{"dot./file", "_durabatch/names/dot.%2Ffile"},
		{`back\slash`, "_durabatch/names/back%5Cslash"},
		{"\u0085", "_durabatch/names/%C2%85"},
		{"\x7f", "_durabatch/names/%7F"},
		{"a//b", "_durabatch/names/a%2F%2Fb"},
		{"/a", "_durabatch/names/%2Fa"},
		{"a/", "_durabatch/names/a%2F"},
		{".", "_durabatch/names/%2E"},
		{"..", "_durabatch/names/.%2E"},
		{"a/../b", "_durabatch/names/a%2F..%2Fb"},
		{"\ufffe", "_durabatch/names/%EF%BF%BE"},
		{"\ue000", "_durabatch/names/%EE%80%80"},
		{"_durabatch/x", "_durabatch/names/_durabatch%2Fx"},
		{"_durabatch/names/x", "_durabatch/names/_durabatch%2Fnames%2Fx"},
		{"\xff", "_durabatch/names/%FF"},
		{strings.Repeat("x", 1024), strings.Repeat("x", 1024)},
		{strings.Repeat("🎬", 512), strings.Repeat("🎬", 512)},
		{strings.Repeat("a/", 253) + "b", strings.Repeat("a/", 253) + "b"},
		{"", "_durabatch/names/~e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	} {
		require.Equal(t, tt.want, BlobName(tt.name))
		back, ok := NameFromBlob(tt.want)
		if tt.name == "" {
			require.False(t, ok)
			continue
		}
		require.True(t, ok, tt.want)
		require.Equal(t, tt.name, back)
	}
}

func TestBlobName_tooLong(t *testing.T) {
	t.Parallel()
	a, b := strings.Repeat("x", 1025), strings.Repeat("x", 1026)
	require.NotEqual(t, BlobName(a), BlobName(b))
	for _, name := range []string{a, b, strings.Repeat("a/", 254) + "b", strings.Repeat("🎬", 513), strings.Repeat("\a", 400)} {
		blob := BlobName(name)
		require.True(t, strings.HasPrefix(blob, "_durabatch/names/~"), blob)
		requireLegalBlob(t, blob)
		_, ok := NameFromBlob(blob)
		require.False(t, ok)
	}
}

func TestNameFromBlob_othersAreNotOurs(t *testing.T) {
	t.Parallel()
	for _, blob := range []string{
		"", "a//b", "dot.", "_durabatch/", "_durabatch/manifest/part-1", "_durabatch/names/",
		"_durabatch/names/plain.mp4",    // a name that Blob allows is not encoded
		"_durabatch/names/line%0abreak", // lower case
		"_durabatch/names/%41%0A",       // A needs no encoding
		"_durabatch/names/%0", "_durabatch/names/%zz", "_durabatch/names/a b%0A",
	} {
		_, ok := NameFromBlob(blob)
		require.False(t, ok, blob)
	}
}

func TestBlobName_hostileNames(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, name := range hostileNames {
		blob := BlobName(name)
		require.Empty(t, seen[blob], "%q and %q", name, seen[blob])
		seen[blob] = name
		requireLegalBlob(t, blob)
		if back, ok := NameFromBlob(blob); ok {
			require.Equal(t, name, back)
		} else {
			require.Contains(t, blob, "/names/~")
		}
	}
}

// requireLegalBlob holds a name against Azure's rules for blobs, spelled anew.
func requireLegalBlob(t testing.TB, blob string) {
	t.Helper()
	require.True(t, utf8.ValidString(blob), "%q", blob)
	units := utf16.Encode([]rune(blob))
	require.True(t, len(units) >= 1 && len(units) <= 1024, "%q has %d characters", blob, len(units))
	segments := strings.Split(blob, "/")
	require.LessOrEqual(t, len(segments), 254)
	for _, s := range segments {
		require.NotEmpty(t, s, "%q", blob)
		require.False(t, strings.HasSuffix(s, "."), "%q", blob)
	}
	for _, r := range blob {
		require.False(t, r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\\' || r == 0xfffe || r == 0xffff, "%q", blob)
	}
}

func FuzzBlobName(f *testing.F) {
	for i, name := range hostileNames {
		f.Add(name, hostileNames[(i+1)%len(hostileNames)])
	}
	f.Add("a\nb", "_durabatch/names/a%0Ab")
	f.Add("\xff", "%FF")
	f.Fuzz(func(t *testing.T, a, b string) {
		blob := BlobName(a)
		requireLegalBlob(t, blob)
		if back, ok := NameFromBlob(blob); ok {
			require.Equal(t, a, back)
		} else {
			require.True(t, a == "" || strings.HasPrefix(blob, encodedNames+hashMark), "%q", a)
		}
		if a != b {
			require.NotEqual(t, blob, BlobName(b), "%q and %q", a, b)
		}
		// Whatever blob there is: the name it gives is a name that gives it.
		if name, ok := NameFromBlob(a); ok {
			require.Equal(t, a, BlobName(name))
		}
	})
}
