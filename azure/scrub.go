package azure

import "regexp"

const redacted = "REDACTED"

// secrets are the shapes of what must not be seen, and what takes its place.
// A value ends at the first character that no encoding of it holds, so that
// the text around it stays readable.
var secrets = []struct {
	shape *regexp.Regexp
	with  string
}{
	// The signature of a shared access signature, in a URL, escaped inside one, or
	// in JSON, where & is \u0026; but not the end of a word such as design.
	{regexp.MustCompile(`(?i)((?:^|[^a-z]|\\[a-z])sig(?:=|%3d|%253d))[A-Za-z0-9%+/=._~-]+`), "${1}" + redacted},
	// Connection strings, environments and JSON that name an account key or a
	// client's secret.
	{regexp.MustCompile(`(?i)((?:account_?key|client_?secret|access_?token|refresh_?token|client_?assertion|password)\\*["']?\s*[=:]\s*\\*["']?)[A-Za-z0-9%+/=._~-]+`), "${1}" + redacted},
	{regexp.MustCompile(`(?i)(bearer\s+)[A-Za-z0-9+/=._~-]+`), "${1}" + redacted},
	{regexp.MustCompile(`(?i)(sharedkey(?:lite)?\s+[a-z0-9-]+:)[A-Za-z0-9+/=]+`), "${1}" + redacted},
	// What a service quotes of a signature that it did not expect.
	{regexp.MustCompile(`(?i)(MAC signature found in the HTTP request '?)[A-Za-z0-9+/=]+`), "${1}" + redacted},
	// A token of Entra ID wherever it stands: header and claims are JSON.
	{regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`), redacted},
}

// Scrub takes signatures, account keys and tokens out of s and leaves the rest
// as it is. It is meant for every text that leaves the process: errors, logs,
// heartbeats.
func Scrub(s string) string {
	for _, secret := range secrets {
		s = secret.shape.ReplaceAllString(s, secret.with)
	}
	return s
}
