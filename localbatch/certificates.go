package localbatch

import (
	"net/http"
	"strings"
)

// Certificates of accounts were retired on 29 February 2024 (retirement notice
// of Azure Batch); none is accepted here, and so there are none.

func (s *Service) listCertificates(r *http.Request) (reply, error) {
	if _, err := parseList(r, nil); err != nil {
		return reply{}, err
	}
	return s.listReply(r, "certificates", page{}, false, ""), nil
}

func createCertificate(*http.Request) (reply, error) {
	return reply{}, unsupportedOperation("certificates, which Azure has retired; have a resource file or the start task bring it")
}

func noCertificate(*http.Request) (reply, error) { return reply{}, notFound("Certificate") }

// certificateOperations are about one certificate. It is named in parentheses,
// as in /certificates(thumbprintAlgorithm=sha1,thumbprint=00), which no pattern
// of ServeMux matches.
var certificateOperations = []route{
	{name: "GetCertificate", pattern: "GET /certificates({certificate})", handle: noCertificate, parameters: oneParameters},
	{name: "DeleteCertificate", pattern: "DELETE /certificates({certificate})", handle: noCertificate},
	{name: "CancelCertificateDeletion", pattern: "POST /certificates({certificate})/canceldelete", handle: noCertificate},
}

// withCertificates answers certificateOperations, and leaves all else to routes.
func (s *Service) withCertificates(routes http.Handler) http.Handler {
	handlers := map[string]http.Handler{}
	for _, rt := range certificateOperations {
		handlers[rt.pattern] = s.adapt(rt)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, action, _ := strings.Cut(r.URL.Path, ")")
		handler := handlers[r.Method+" /certificates({certificate})"+action]
		if handler == nil || !strings.HasPrefix(name, "/certificates(") {
			handler = routes
		}
		handler.ServeHTTP(w, r)
	})
}
