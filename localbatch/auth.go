package localbatch

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/durabatch/durabatch/localbatch/sharedkey"
)

// maxSkew is how far a signed request's time may be from the service's.
const maxSkew = 15 * time.Minute

// authenticate verifies a request's shared key (Batch REST reference,
// "Authenticate requests to the Azure Batch service"), or the bearer token that
// stands for it.
func (s *Service) authenticate(r *http.Request) error {
	header := r.Header.Get("Authorization")
	scheme, credential, _ := strings.Cut(header, " ")
	switch {
	case header == "":
		e := badRequest("MissingRequiredHeader", "An HTTP header that's mandatory for this request is not specified.")
		e.values = []errorValue{{"HeaderName", "Authorization"}}
		return e
	case strings.EqualFold(scheme, "Bearer"):
		return s.checkToken(strings.TrimSpace(credential))
	case !strings.EqualFold(scheme, "SharedKey"):
		return badRequest("InvalidAuthenticationInfo", "The authentication information was not provided in the correct format. Verify the value of Authorization header.")
	}
	account, signature, ok := strings.Cut(credential, ":")
	given, err := base64.StdEncoding.DecodeString(signature)
	if !ok || err != nil {
		return badRequest("InvalidAuthenticationInfo", "The authentication information was not provided in the correct format. Verify the value of Authorization header.")
	}
	if err := checkDate(r, time.Now()); err != nil {
		return err
	}
	if !strings.EqualFold(account, s.opts.AccountName) {
		return unauthenticated(http.StatusForbidden, "the account is not this service's")
	}
	if s.signedBy(r, account, given) {
		return nil
	}
	return unauthenticated(http.StatusForbidden, "the signature is not the one this service computes from the request and the account key")
}

// checkToken takes the tokens that the service was given, and no other: nothing
// here could tell whether Entra ID has issued one.
func (s *Service) checkToken(token string) error {
	if len(s.tokens) == 0 {
		return unauthenticated(http.StatusUnauthorized, "bearer tokens are not accepted here; sign with the account key (SharedKey)")
	}
	given := sha256.Sum256([]byte(token)) // of one length, so that the comparison does not tell the token's
	known := 0
	for _, want := range s.tokens {
		known |= subtle.ConstantTimeCompare(given[:], want[:])
	}
	if known == 0 {
		return unauthenticated(http.StatusUnauthorized, "the bearer token is none of those that this service accepts")
	}
	return nil
}

// signedBy tries both spellings of an empty body's length, since clients
// disagree on the one that they send and the one that they sign.
func (s *Service) signedBy(r *http.Request, account string, given []byte) bool {
	length := r.Header.Get("Content-Length")
	lengths := []string{length}
	if length == "" || length == "0" {
		lengths = []string{"", "0"}
	}
	for _, length := range lengths {
		mac := hmac.New(sha256.New, s.key)
		mac.Write([]byte(sharedkey.StringToSign(r, account, length)))
		if hmac.Equal(mac.Sum(nil), given) {
			return true
		}
	}
	return false
}

func checkDate(r *http.Request, now time.Time) error {
	text := r.Header.Get("ocp-date")
	if text == "" {
		text = r.Header.Get("Date")
	}
	date, err := http.ParseTime(strings.Replace(text, "UTC", "GMT", 1)) // Go clients may say UTC
	if err != nil {
		return unauthenticated(http.StatusForbidden, "neither ocp-date nor Date holds an RFC 1123 date")
	}
	if date.Sub(now).Abs() > maxSkew {
		return unauthenticated(http.StatusForbidden, "the request's date is more than 15 minutes from the service's; is a clock wrong?")
	}
	return nil
}

// unauthenticated gives the detail that the real service gives, without the
// string to sign, which holds what only the client should know.
func unauthenticated(status int, detail string) *apiError {
	return &apiError{
		status:  status,
		code:    "AuthenticationFailed",
		message: "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.",
		values:  []errorValue{{"AuthenticationErrorDetail", detail}},
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
