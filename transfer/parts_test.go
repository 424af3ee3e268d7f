package transfer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type record struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
}

func TestPartsAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	parts := Parts[record]{Container: azurite.NewContainer(t), Prefix: "lists/manifest"}
	require.Equal(t, "lists/manifest/part-00007.jsonl", parts.Name(7))
	written := [][]record{
		{{"a<b>&c\n\u2028.mp4", 1}, {"\U0001F3AC", 1 << 60}},
		{},
		{{"last", 3}},
	}
	for n, records := range written {
		require.NoError(t, parts.Write(t.Context(), n, n == len(written)-1, records))
	}
	var want, got []record
	for n, records := range written {
		read, last, err := parts.Read(t.Context(), n)
		require.NoError(t, err)
		require.Equal(t, records, read)
		require.Equal(t, n == len(written)-1, last)
		want = append(want, records...)
	}
	for r, err := range parts.All(t.Context()) {
		require.NoError(t, err)
		got = append(got, r)
	}
	require.Equal(t, want, got)

	p, err := parts.Container.NewBlobClient(parts.Name(0)).GetProperties(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "application/x-ndjson", *p.ContentType)
}

func TestAPartMayBeWrittenAgain(t *testing.T) {
	t.Parallel()
	parts := Parts[record]{Container: azurite.NewContainer(t), Prefix: "p"}
	require.NoError(t, parts.Write(t.Context(), 0, false, []record{{"old", 1}, {"older", 2}}))
	require.NoError(t, parts.Write(t.Context(), 0, true, []record{{"new", 3}}))
	records, last, err := parts.Read(t.Context(), 0)
	require.NoError(t, err)
	require.True(t, last)
	require.Equal(t, []record{{"new", 3}}, records)
}

func TestPartsThatAreNotThere(t *testing.T) {
	t.Parallel()
	parts := Parts[record]{Container: azurite.NewContainer(t), Prefix: "p"}
	_, _, err := parts.Read(t.Context(), 0)
	require.ErrorIs(t, err, ErrNoPart)
	require.ErrorContains(t, err, "p/part-00000.jsonl")

	require.NoError(t, parts.Write(t.Context(), 0, false, []record{{"a", 1}}))
	var errs []error
	for _, err := range parts.All(t.Context()) {
		errs = append(errs, err)
	}
	require.Len(t, errs, 2)
	require.NoError(t, errs[0])
	require.ErrorIs(t, errs[1], ErrNoPart, "the list has no end yet")

	parts.Container = azurite.Container(t, "missing")
	_, _, err = parts.Read(t.Context(), 0)
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrNoPart, "without its container a part will never come")
}

func TestPartsThatAreNotJSON(t *testing.T) {
	t.Parallel()
	parts := Parts[record]{Container: azurite.NewContainer(t), Prefix: "p"}
	require.NoError(t, Put(t.Context(), parts.Container, parts.Name(0), []byte("{\"name\":\"a\"}\n{oops}\n"), ""))
	_, _, err := parts.Read(t.Context(), 0)
	require.ErrorIs(t, err, ErrBroken)
	require.ErrorContains(t, err, "read p/part-00000.jsonl")
	require.ErrorContains(t, err, "record 1")
}

func TestPutGetAndTail(t *testing.T) {
	t.Parallel()
	c := azurite.NewContainer(t)
	require.NoError(t, Put(t.Context(), c, "log", []byte("first line\nl\u00e4st l\u00efne\n"), "text/plain"))
	got, err := Get(t.Context(), c, "log")
	require.NoError(t, err)
	require.Equal(t, "first line\nl\u00e4st l\u00efne\n", string(got))

	for n, want := range map[int64]string{
		-1: "", 0: "", 1: "\n", 3: "ne\n", 4: "ne\n", 5: "\u00efne\n",
		1000: "first line\nl\u00e4st l\u00efne\n",
	} {
		tail, err := Tail(t.Context(), c, "log", n)
		require.NoError(t, err)
		require.Equal(t, want, tail, "the last %d bytes", n)
	}

	require.NoError(t, Put(t.Context(), c, "empty", nil, ""))
	tail, err := Tail(t.Context(), c, "empty", 10)
	require.NoError(t, err)
	require.Empty(t, tail)
	got, err = Get(t.Context(), c, "empty")
	require.NoError(t, err)
	require.Empty(t, got)

	_, err = Tail(t.Context(), c, "missing", 10)
	require.ErrorIs(t, err, ErrNoBlob)
	_, err = Get(t.Context(), c, "missing")
	require.ErrorContains(t, err, `"missing"`)
	require.True(t, strings.HasPrefix(err.Error(), "read blob"))
}
