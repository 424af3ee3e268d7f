package azure

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestScrub(t *testing.T) {
	t.Parallel()
	const secret = "aGVsbG8rd29ybGQ="
	escaped, err := json.Marshal("https://x/y?sp=r&sig=" + secret + "&se=2026")
	require.NoError(t, err)
	for name, test := range map[string]struct{ in, want string }{
		"nothing to hide":        {"upload a.mp4: signal 9, design=blue", "upload a.mp4: signal 9, design=blue"},
		"a signed URL":           {"GET https://a.b/c?sp=r&sig=ab%2Fc%2Bd%3D&se=2026: no", "GET https://a.b/c?sp=r&sig=REDACTED&se=2026: no"},
		"a signature at the end": {`Get "https://a.b/c?sig=` + secret + `": EOF`, `Get "https://a.b/c?sig=REDACTED": EOF`},
		"an escaped signed URL":  {"url=https%3A%2F%2Fa%3Fsp%3Dr%26sig%3D" + "abc%253D", "url=https%3A%2F%2Fa%3Fsp%3Dr%26sig%3DREDACTED"},
		"inside JSON":            {string(escaped), `"https://x/y?sp=r\u0026sig=REDACTED\u0026se=2026"`},
		"a line of its own":      {`{"stdout":"a\nsig=` + secret + `"}`, `{"stdout":"a\nsig=REDACTED"}`},
		"a connection string":    {"AccountName=a;AccountKey=" + secret + ";EndpointSuffix=x", "AccountName=a;AccountKey=REDACTED;EndpointSuffix=x"},
		"one with a SAS":         {"BlobEndpoint=x;SharedAccessSignature=sv=1&sig=" + secret, "BlobEndpoint=x;SharedAccessSignature=sv=1&sig=REDACTED"},
		"an environment":         {"AZURE_BATCH_ACCOUNT_KEY=" + secret + " x", "AZURE_BATCH_ACCOUNT_KEY=REDACTED x"},
		"a quoted environment":   {"export AZURE_BATCH_ACCOUNT_KEY='" + secret + "'", "export AZURE_BATCH_ACCOUNT_KEY='REDACTED'"},
		"a key in JSON":          {`{"accountKey":"` + secret + `","x":1}`, `{"accountKey":"REDACTED","x":1}`},
		"a key in JSON in JSON":  {`{\"client_secret\": \"` + secret + `\"}`, `{\"client_secret\": \"REDACTED\"}`},
		"a bearer token":         {"Authorization: Bearer abc.def-ghi_jkl==, x", "Authorization: Bearer REDACTED, x"},
		"a shared key":           {"Authorization: SharedKey myaccount:" + secret + " x", "Authorization: SharedKey myaccount:REDACTED x"},
		"what a service quotes":  {"The MAC signature found in the HTTP request '" + secret + "' is not", "The MAC signature found in the HTTP request 'REDACTED' is not"},
		"a bare token":           {"token eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL2IifQ.c2ln end", "token REDACTED end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, Scrub(test.in))
			require.Equal(t, test.want, Scrub(Scrub(test.in)), "twice is as good as once")
		})
	}
}

func FuzzScrub(f *testing.F) {
	f.Add("https://a/b?", "&se=1")
	f.Add("AccountName=x;", ";y")
	f.Add(`{"a":"`, `"}`)
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "c2VjcmV0c2VjcmV0c2VjcmV0"
		for _, shape := range []string{"?sig=", "&sig=", ";AccountKey="} {
			require.False(t, strings.Contains(Scrub(before+shape+secret+after), secret))
		}
	})
}
