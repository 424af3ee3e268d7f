package codec_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/durabatch/durabatch/codec"
)

func newKey(t *testing.T, name string) string {
	t.Helper()
	key, err := codec.NewKey(name)
	require.NoError(t, err)
	return key
}

// with makes the codec of these keys.
func with(t *testing.T, keys ...string) *codec.Codec {
	t.Helper()
	c, err := codec.FromEnvironment(func(name string) string {
		if name == codec.KeyVariable {
			return strings.Join(keys, "\n")
		}
		return ""
	})
	require.NoError(t, err)
	return c
}

func payload(t *testing.T, value any) *commonpb.Payload {
	t.Helper()
	p, err := converter.GetDefaultDataConverter().ToPayload(value)
	require.NoError(t, err)
	return p
}

func encode(t *testing.T, c *codec.Codec, p *commonpb.Payload) *commonpb.Payload {
	t.Helper()
	encoded, err := c.Encode([]*commonpb.Payload{p})
	require.NoError(t, err)
	require.Len(t, encoded, 1)
	return encoded[0]
}

func TestPayloadsAreHiddenAndComeBack(t *testing.T) {
	c := with(t, newKey(t, "k1"))
	plain := payload(t, "the name of a film that nobody may know")
	hidden := encode(t, c, plain)
	wire, err := proto.Marshal(hidden)
	require.NoError(t, err)
	require.NotContains(t, string(wire), "film")
	require.NotContains(t, string(wire), "json/plain")
	require.NotEqual(t, hidden.Data, encode(t, c, plain).Data, "a nonce was used twice")

	decoded, err := c.Decode([]*commonpb.Payload{hidden})
	require.NoError(t, err)
	require.True(t, proto.Equal(plain, decoded[0]))
}

func TestWhatIsNotEncryptedIsReadAsItIs(t *testing.T) {
	plain := payload(t, map[string]string{"name": "by hand"})
	for _, c := range []*codec.Codec{nil, with(t, newKey(t, "k1"))} {
		decoded, err := c.Decode([]*commonpb.Payload{plain})
		require.NoError(t, err)
		require.True(t, proto.Equal(plain, decoded[0]))
	}
	require.True(t, proto.Equal(plain, encode(t, nil, plain)))
}

func TestKeysCanBeChanged(t *testing.T) {
	old, fresh := newKey(t, "old"), newKey(t, "new")
	before := encode(t, with(t, old), payload(t, 1))
	both := with(t, fresh, old)
	_, err := both.Decode([]*commonpb.Payload{before})
	require.NoError(t, err)
	after := encode(t, both, payload(t, 2))
	_, err = with(t, old).Decode([]*commonpb.Payload{after})
	require.ErrorIs(t, err, codec.ErrNoKey)
	require.ErrorContains(t, err, `"new"`)
}

func TestWhatCannotBeReadSaysWhy(t *testing.T) {
	hidden := encode(t, with(t, newKey(t, "k1")), payload(t, "secret"))
	changed := proto.CloneOf(hidden)
	changed.Data[len(changed.Data)-1] ^= 1
	renamed := proto.CloneOf(hidden)
	renamed.Metadata["encryption-key-id"] = []byte("k2")
	short := proto.CloneOf(hidden)
	short.Data = short.Data[:5]
	for name, test := range map[string]struct {
		c *codec.Codec
		p *commonpb.Payload
	}{
		"no key":                {nil, hidden},
		"another key, one name": {with(t, newKey(t, "k1")), hidden},
		"changed":               {with(t, newKey(t, "k1")), changed},
		"cut short":             {with(t, newKey(t, "k1")), short},
		"another key's name":    {with(t, newKey(t, "k1")), renamed},
	} {
		_, err := test.c.Decode([]*commonpb.Payload{test.p})
		require.ErrorContains(t, err, "cannot be read", name)
	}
}

func TestAWorkerWaitsForItsKeyInsteadOfFailingTheRun(t *testing.T) {
	hidden := encode(t, with(t, newKey(t, "k1")), payload(t, "x"))
	var none *codec.Codec
	var worker, caller client.Options
	none.ForWorker(&worker)
	none.ForClient(&caller)
	var text string
	require.Panics(t, func() { _ = worker.DataConverter.FromPayload(hidden, &text) })
	require.ErrorIs(t, caller.DataConverter.FromPayload(hidden, &text), codec.ErrNoKey)
}

func TestFailuresAreHidden(t *testing.T) {
	c := with(t, newKey(t, "k1"))
	var options client.Options
	c.ForWorker(&options)
	failure := options.FailureConverter.ErrorToFailure(errors.New("film.mp4 could not be read"))
	require.NotContains(t, failure.String(), "film")
	require.ErrorContains(t, options.FailureConverter.FailureToError(failure), "film.mp4")

	var none *codec.Codec
	none.ForWorker(&options)
	require.Contains(t, options.FailureConverter.ErrorToFailure(errors.New("film.mp4")).String(), "film.mp4")
}

func TestKeysOfTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), mode))
		return path
	}
	good := newKey(t, "k1")
	for name, test := range map[string]struct{ key, file, wrong string }{
		"none":               {},
		"in the variable":    {key: good},
		"in a file":          {file: file("good", good+"\n"+newKey(t, "k2")+"\n", 0o600)},
		"both":               {key: good, file: "x", wrong: "both set"},
		"readable by all":    {file: file("open", good, 0o644), wrong: "chmod 600"},
		"no file":            {file: filepath.Join(dir, "none"), wrong: "no such file"},
		"an empty file":      {file: file("empty", "\n", 0o600), wrong: "holds no key"},
		"a short key":        {key: "k1:c2hvcnQ=", wrong: "32 bytes"},
		"no name":            {key: strings.TrimPrefix(good, "k1"), wrong: "NAME:KEY"},
		"a name twice":       {key: good + " " + newKey(t, "k1"), wrong: "before it"},
		"not even base64":    {key: "k1:secretsecretsecret!", wrong: "base64"},
		"a name with quirks": {key: "k/1" + strings.TrimPrefix(good, "k1"), wrong: "NAME:KEY"},
	} {
		c, err := codec.FromEnvironment(func(variable string) string {
			return map[string]string{codec.KeyVariable: test.key, codec.KeyFileVariable: test.file}[variable]
		})
		if test.wrong != "" {
			require.ErrorContains(t, err, test.wrong, name)
			require.NotContains(t, err.Error(), "secretsecret", name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, test.key != "" || test.file != "", c != nil, name)
	}
	_, err := codec.NewKey("")
	require.Error(t, err)
}

func TestCodecServer(t *testing.T) {
	c := with(t, newKey(t, "k1"))
	const ui = "http://localhost:8233"
	server := httptest.NewServer(c.Handler(ui))
	t.Cleanup(server.Close)
	remote := converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{Endpoint: server.URL})

	plain := payload(t, "over the wire")
	hidden, err := remote.Encode([]*commonpb.Payload{plain})
	require.NoError(t, err)
	require.NotContains(t, string(hidden[0].Data), "wire")
	back, err := remote.Decode(hidden)
	require.NoError(t, err)
	require.True(t, proto.Equal(plain, back[0]))

	body, err := protojson.Marshal(&commonpb.Payloads{Payloads: hidden})
	require.NoError(t, err)
	ask := func(method, path, origin string, body []byte) *http.Response {
		request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, bytes.NewReader(body))
		require.NoError(t, err)
		if origin != "" {
			request.Header.Set("Origin", origin)
		}
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		t.Cleanup(func() { answer.Body.Close() })
		return answer
	}
	page := ask(http.MethodPost, "/decode", ui, body)
	require.Equal(t, http.StatusOK, page.StatusCode)
	require.Equal(t, ui, page.Header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, http.StatusNoContent, ask(http.MethodOptions, "/decode", ui, nil).StatusCode)
	require.Equal(t, http.StatusForbidden, ask(http.MethodPost, "/decode", "http://elsewhere.example", body).StatusCode)
	require.Equal(t, http.StatusForbidden, ask(http.MethodOptions, "/decode", "http://elsewhere.example", nil).StatusCode)
	require.Equal(t, http.StatusBadRequest, ask(http.MethodPost, "/decode", "", []byte("{")).StatusCode)
	require.Equal(t, http.StatusRequestEntityTooLarge, ask(http.MethodPost, "/encode", "", make([]byte, 9<<20)).StatusCode)
	require.Equal(t, http.StatusMethodNotAllowed, ask(http.MethodGet, "/decode", "", nil).StatusCode)
}
