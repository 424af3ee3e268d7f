package localbatch

import (
	"crypto/sha1" //nolint:gosec // it is what Batch names certificates by
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/durabatch/durabatch/localbatch/store"
)

// certificateSpec is what a certificate is created from. Its data and password
// are stored, for the nodes of pools that refer to it, and never shown.
type certificateSpec struct {
	Thumbprint          string `json:"thumbprint"`
	ThumbprintAlgorithm string `json:"thumbprintAlgorithm"`
	Data                []byte `json:"data"`
	CertificateFormat   string `json:"certificateFormat,omitempty"`
	Password            string `json:"password,omitempty"`
}

// certificate is a certificate as it is stored.
type certificate struct {
	certificateSpec
	stateChange
	PublicData             string       `json:"publicData"`
	DeleteCertificateError *deleteError `json:"deleteCertificateError,omitempty"`
}

type deleteError struct {
	Code    string      `json:"code"`
	Message string      `json:"message"`
	Values  []nameValue `json:"values,omitempty"`
}

// certificateDocument is a certificate as it is shown.
type certificateDocument struct {
	Thumbprint          string `json:"thumbprint"`
	ThumbprintAlgorithm string `json:"thumbprintAlgorithm"`
	URL                 string `json:"url"`
	stateChange
	PublicData             string       `json:"publicData"`
	DeleteCertificateError *deleteError `json:"deleteCertificateError,omitempty"`
}

const (
	sha1Algorithm   = "sha1"
	pfxFormat       = "pfx"
	cerFormat       = "cer"
	deleteFailed    = "deletefailed"
	maxCertificate  = 10 << 10 // bytes of its data
	maxCertificates = 100      // on a page
)

// complete checks the spec, takes the public part out of the data and holds
// the thumbprint against it.
func (c *certificate) complete() error {
	c.Thumbprint = strings.ToLower(strings.Join(strings.Fields(c.Thumbprint), ""))
	switch {
	case c.Thumbprint == "":
		return missingProperty("thumbprint")
	case len(c.Data) == 0:
		return missingProperty("data")
	case len(c.Data) > maxCertificate:
		return invalidProperty("data", fmt.Sprint(len(c.Data), " bytes"), "a certificate has at most 10 KB")
	}
	if err := oneOf("thumbprintAlgorithm", &c.ThumbprintAlgorithm, sha1Algorithm); err != nil {
		return err
	}
	if err := oneOf("certificateFormat", &c.CertificateFormat, pfxFormat, cerFormat); err != nil {
		return err
	}
	public, err := c.public()
	if err != nil {
		return err
	}
	sum := sha1.Sum(public.Raw) //nolint:gosec // see above
	if hex.EncodeToString(sum[:]) != c.Thumbprint {
		return invalidProperty("thumbprint", c.Thumbprint, "it is not the certificate's, which is %x", sum)
	}
	c.PublicData = base64.StdEncoding.EncodeToString(public.Raw)
	return nil
}

// public reads the data. Nothing of it or of the password goes into an error.
func (c *certificate) public() (*x509.Certificate, error) {
	if c.CertificateFormat == cerFormat {
		if c.Password != "" {
			return nil, invalidProperty("password", "", "a certificate of the format cer has none")
		}
		public, err := x509.ParseCertificate(c.Data)
		if err != nil {
			return nil, invalidProperty("data", "", "it is not a certificate of the format cer")
		}
		return public, nil
	}
	_, public, _, err := pkcs12.DecodeChain(c.Data, c.Password)
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return nil, invalidProperty("password", "", "it is not the password of the data")
	}
	if err != nil {
		return nil, invalidProperty("data", "", "it is not a certificate of the format pfx")
	}
	return public, nil
}

func (c *certificate) path() string {
	return "/certificates(thumbprintAlgorithm=" + c.ThumbprintAlgorithm + ",thumbprint=" + c.Thumbprint + ")"
}

func (c *certificate) document(base string) certificateDocument {
	return certificateDocument{
		Thumbprint: c.Thumbprint, ThumbprintAlgorithm: c.ThumbprintAlgorithm, URL: base + c.path(),
		stateChange: c.stateChange, PublicData: c.PublicData, DeleteCertificateError: c.DeleteCertificateError,
	}
}

func (c *certificate) property(name string) any {
	return map[string]any{"state": c.State, "stateTransitionTime": c.StateTransitionTime}[name]
}

func findCertificate(tx *store.Tx, thumbprint string) (*certificate, error) {
	body, ok, err := tx.Certificate(strings.ToLower(thumbprint))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, notFound("Certificate")
	}
	return readCertificate(body)
}

func readCertificate(body []byte) (*certificate, error) {
	c := &certificate{}
	return c, json.Unmarshal(body, c)
}

func (c *change) saveCertificate(cert *certificate) error {
	body, err := json.Marshal(cert)
	if err != nil {
		return err
	}
	return c.PutCertificate(cert.Thumbprint, body)
}

func isNotFound(err error) bool {
	var e *apiError
	return errors.As(err, &e) && e.status == 404
}

// certificateReference has a pool's nodes get a certificate.
type certificateReference struct {
	Thumbprint          string   `json:"thumbprint"`
	ThumbprintAlgorithm string   `json:"thumbprintAlgorithm"`
	StoreLocation       string   `json:"storeLocation,omitempty"`
	StoreName           string   `json:"storeName,omitempty"`
	Visibility          []string `json:"visibility,omitempty"`
}

type certificateReferences []certificateReference

// Who on a node gets to see a certificate.
const (
	visibleToStartTask = "starttask"
	visibleToTask      = "task"
	visibleToLogin     = "remoteuser" // nobody here
)

func (r certificateReferences) complete() error {
	const property = "certificateReferences"
	for i := range r {
		if r[i].Thumbprint == "" {
			return missingProperty(property + ".thumbprint")
		}
		if err := oneOf(property+".thumbprintAlgorithm", &r[i].ThumbprintAlgorithm, sha1Algorithm); err != nil {
			return err
		}
		for j := range r[i].Visibility {
			if err := oneOf(property+".visibility", &r[i].Visibility[j], visibleToTask, visibleToStartTask, visibleToLogin); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r certificateReferences) have(thumbprint string) bool {
	for _, reference := range r {
		if strings.EqualFold(reference.Thumbprint, thumbprint) {
			return true
		}
	}
	return false
}

// checkCertificates refuses references to certificates that are not there, or
// not for long.
func (c *change) checkCertificates(references certificateReferences) error {
	for _, reference := range references {
		cert, err := findCertificate(c.Tx, reference.Thumbprint)
		if err != nil {
			return err
		}
		if cert.State != active {
			return beingDeleted("Certificate")
		}
	}
	return nil
}
