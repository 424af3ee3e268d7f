package localbatch_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // it is what Batch names certificates by
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"
)

// testCertificate is one for tests, with its private key.
type testCertificate struct {
	der []byte
	key *ecdsa.PrivateKey
}

// fixedCertificate is the public part of a certificate whose key nobody has, for
// answers that are kept as files.
const fixedCertificate = `MIIBgDCCASegAwIBAgIUO7xeRRJKZG8YwDHeBBDmR6+0AB0wCgYIKoZIzj0EAwIwFTETMBEGA1UEAwwKbG9jYWxiYXRjaDAgFw0yNjExMjMxNT
E0NDhaGA8yMDgxMDgyNjE1MTQ0OFowFTETMBEGA1UEAwwKbG9jYWxiYXRjaDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPDdJ/95yGW3NEyd
UYYacrzC1famW4rWSALD8agQfbtFt2y97Mm6BsETN8SlD57MdMYDm0B+pv/Ae8OxRu6XyEWjUzBRMB0GA1UdDgQWBBQ42uS9g9xwRwSq7Sr12H
hPJDgcgDAfBgNVHSMEGDAWgBQ42uS9g9xwRwSq7Sr12HhPJDgcgDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIAZkFfx4iW13
4U3ftsSsH8iDgzYSoaVGnP/6Kg6XVjvAAiAGx1c60KdDnFneGf+Yqj1zsEMKuM3hnXeAeRRpLbN6WQ==`

func newCertificate() testCertificate {
	der, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(fixedCertificate, "\n", ""))
	if err != nil {
		panic(err)
	}
	return testCertificate{der: der}
}

func issue(name string) testCertificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return testCertificate{der, key}
}

func (c testCertificate) thumbprint() string {
	sum := sha1.Sum(c.der) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}

func (c testCertificate) path() string {
	return "/certificates(thumbprintAlgorithm=sha1,thumbprint=" + c.thumbprint() + ")"
}

func (c testCertificate) content() azbatch.Certificate {
	return azbatch.Certificate{
		Thumbprint: to.Ptr(c.thumbprint()), ThumbprintAlgorithm: to.Ptr("sha1"),
		Data: to.Ptr(base64.StdEncoding.EncodeToString(c.der)), Format: to.Ptr(azbatch.CertificateFormatCER),
	}
}

func (c testCertificate) json() string {
	text, err := json.Marshal(c.content())
	if err != nil {
		panic(err)
	}
	return string(text)
}

// pfx is the certificate with its key, under a password.
func (c testCertificate) pfx(t *testing.T, password string) azbatch.Certificate {
	t.Helper()
	parsed, err := x509.ParseCertificate(c.der)
	require.NoError(t, err)
	data, err := pkcs12.Modern.Encode(c.key, parsed, nil, password)
	require.NoError(t, err)
	content := c.content()
	content.Data, content.Format, content.Password = to.Ptr(base64.StdEncoding.EncodeToString(data)), to.Ptr(azbatch.CertificateFormatPFX), &password
	return content
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	w := start(t)
	worker, root := issue("worker"), issue("root")
	_, err := w.CreateCertificate(ctx, worker.pfx(t, "a secret of mine"), nil)
	require.NoError(t, err)
	_, err = w.CreateCertificate(ctx, root.content(), nil)
	require.NoError(t, err)
	_, err = w.CreateCertificate(ctx, root.content(), nil)
	refused(t, err, http.StatusConflict, "CertificateExists")
	w.close()
	w.open()
	cert, err := w.GetCertificate(ctx, "sha1", worker.thumbprint(), nil)
	require.NoError(t, err)
	require.Equal(t, azbatch.CertificateStateActive, *cert.State)
	require.Nil(t, cert.PreviousState)
	require.Equal(t, base64.StdEncoding.EncodeToString(worker.der), *cert.PublicData)
	require.Equal(t, w.url+worker.path(), *cert.URL)
	for _, path := range []string{"/certificates", worker.path()} {
		answer := w.send(rawRequest{method: http.MethodGet, path: path})
		shown, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NotContains(t, string(shown), "a secret of mine")
		require.NotContains(t, string(shown), `"data"`)
	}
	page, err := w.NewListCertificatesPager(&azbatch.ListCertificatesOptions{
		Filter: to.Ptr("state eq 'active'"), SelectParam: []string{"thumbprint"}, MaxResults: to.Ptr[int32](1),
	}).NextPage(ctx)
	require.NoError(t, err)
	require.Len(t, page.Value, 1)
	require.Nil(t, page.Value[0].State)
	require.NotEmpty(t, *page.NextLink)
	_, err = w.NewListCertificatesPager(&azbatch.ListCertificatesOptions{MaxResults: to.Ptr[int32](101)}).NextPage(ctx)
	refused(t, err, http.StatusBadRequest, "OutOfRangeQueryParameterValue")

	for name, wrong := range map[string]azbatch.Certificate{
		"thumbprint of another": func() azbatch.Certificate { c := worker.content(); c.Thumbprint = to.Ptr(root.thumbprint()); return c }(),
		"another algorithm":     func() azbatch.Certificate { c := worker.content(); c.ThumbprintAlgorithm = to.Ptr("md5"); return c }(),
		"password of a cer":     func() azbatch.Certificate { c := worker.content(); c.Password = to.Ptr("a secret of mine"); return c }(),
		"wrong password": func() azbatch.Certificate {
			c := worker.pfx(t, "one")
			c.Password = to.Ptr("a secret of mine")
			return c
		}(),
		"no data": func() azbatch.Certificate { c := worker.content(); c.Data = nil; return c }(),
	} {
		_, err := w.CreateCertificate(ctx, wrong, nil)
		require.ErrorContains(t, err, "400 Bad Request", name)
		require.NotContains(t, err.Error(), "a secret of mine", name)
	}
}

func TestCertificatesOfNodes(t *testing.T) {
	t.Parallel()
	w := start(t)
	worker, root := issue("worker"), issue("root")
	reference := func(c testCertificate, visibility ...azbatch.CertificateVisibility) azbatch.CertificateReference {
		return azbatch.CertificateReference{Thumbprint: to.Ptr(c.thumbprint()), ThumbprintAlgorithm: to.Ptr("sha1"), Visibility: visibility}
	}
	content := poolContent("pool", 1)
	content.StartTask = startTask(shell("cd $AZ_BATCH_CERTIFICATES_DIR && ls"))
	content.CertificateReferences = []azbatch.CertificateReference{reference(worker), reference(root, azbatch.CertificateVisibilityTask)}
	_, err := w.CreatePool(ctx, content, nil)
	refused(t, err, http.StatusNotFound, "CertificateNotFound")
	_, err = w.CreateCertificate(ctx, worker.pfx(t, "a secret"), nil)
	require.NoError(t, err)
	_, err = w.CreateCertificate(ctx, root.content(), nil)
	require.NoError(t, err)
	w.pool(content)
	w.job("job", "pool")
	pfx, cer := "sha1-"+worker.thumbprint()+".pfx", "sha1-"+root.thumbprint()+".cer"
	w.add("one", shell("cd $AZ_BATCH_CERTIFICATES_DIR && pwd && stat -c %a * && cat *.pw && ls ../certs/"+cer))
	one := w.completed("one")
	require.Equal(t, azbatch.TaskExecutionResultSuccess, *one.ExecutionInfo.Result, "%+v", one.ExecutionInfo.FailureInfo)
	require.Contains(t, w.file("one", "stdout.txt", nil), "/workitems/job/job-1/one/certs\n600\n600\n600\na secret../certs/"+cer)
	n := w.nodeOf("pool")
	require.Equal(t, pfx+"\n"+pfx+".pw\n", w.nodeFile("pool", *n.ID, "startup/stdout.txt"))
	require.Len(t, n.CertificateReferences, 2)

	state := func(c testCertificate, want azbatch.CertificateState) azbatch.Certificate {
		var got azbatch.Certificate
		eventually(t, "the certificate is "+string(want), func() bool {
			answer, err := w.GetCertificate(ctx, "sha1", c.thumbprint(), nil)
			require.NoError(t, err)
			got = answer.Certificate
			return *got.State == want
		})
		return got
	}
	_, err = w.CancelCertificateDeletion(ctx, "sha1", root.thumbprint(), nil)
	refused(t, err, http.StatusConflict, "CertificateStateActive")
	_, err = w.DeleteCertificate(ctx, "sha1", root.thumbprint(), nil)
	require.NoError(t, err)
	used := state(root, azbatch.CertificateStateDeleteFailed)
	require.Equal(t, "pool", *used.DeleteCertificateError.Values[0].Value)
	require.Equal(t, azbatch.CertificateStateDeleting, *used.PreviousState)
	_, err = w.CancelCertificateDeletion(ctx, "sha1", root.thumbprint(), nil)
	require.NoError(t, err)
	state(root, azbatch.CertificateStateActive)

	_, err = w.UpdatePool(ctx, "pool", azbatch.UpdatePoolContent{CertificateReferences: []azbatch.CertificateReference{}}, nil)
	require.NoError(t, err)
	_, err = w.DeleteCertificate(ctx, "sha1", root.thumbprint(), nil)
	require.NoError(t, err)
	require.Equal(t, *n.ID, *state(root, azbatch.CertificateStateDeleteFailed).DeleteCertificateError.Values[0].Value, "its node has it until it boots again")
	_, err = w.RebootNode(ctx, "pool", *n.ID, nil)
	require.NoError(t, err)
	eventually(t, "the node has booted without certificates", func() bool { return len(w.nodeOf("pool").CertificateReferences) == 0 })
	_, err = w.DeleteCertificate(ctx, "sha1", root.thumbprint(), nil)
	require.NoError(t, err)
	eventually(t, "the certificate is gone", func() bool {
		_, err := w.GetCertificate(ctx, "sha1", root.thumbprint(), nil)
		return err != nil
	})
}
