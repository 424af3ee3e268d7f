package workload

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// Reserved is the prefix of blobs that are not the user's: manifest, results,
// logs, and names that Blob does not allow. Only the run itself writes there.
const Reserved = "_durabatch/"

const (
	encodedNames = Reserved + "names/"
	// hashMark is outside the encoding's alphabet: a hash is never taken for an
	// encoded name.
	hashMark = "~"

	// Limits of a blob name (Azure Storage: naming and referencing containers,
	// blobs and metadata).
	maxBlobName     = 1024 // in UTF-16 code units, the stricter reading of "characters"
	maxBlobSegments = 254
)

// BlobName is the name of the blob that holds the file with this name, a
// slash-separated path. A name that Blob allows is kept as it is. Any other
// (control characters, a backslash, a segment that ends in a dot, a leading,
// trailing or double slash, too long, or one that begins with Reserved) is
// percent-encoded below "_durabatch/names/". Two names never share a blob.
//
// A name too long even so is replaced by its SHA-256: only the manifest knows
// which it was, and NameFromBlob does not.
func BlobName(name string) string {
	if allowedBlobName(name) {
		return name
	}
	encoded := encodedNames + percentEncode(name)
	if name == "" || len(encoded) > maxBlobName {
		sum := sha256.Sum256([]byte(name))
		return encodedNames + hashMark + hex.EncodeToString(sum[:])
	}
	return encoded
}

// NameFromBlob is the inverse of BlobName. It answers false for a blob whose
// name BlobName never gives, and for one that holds but the hash of a name.
func NameFromBlob(blob string) (name string, ok bool) {
	if !strings.HasPrefix(blob, Reserved) {
		return blob, allowedBlobName(blob)
	}
	encoded, found := strings.CutPrefix(blob, encodedNames)
	if !found {
		return "", false
	}
	name, ok = percentDecode(encoded)
	if !ok || BlobName(name) != blob {
		return "", false
	}
	return name, true
}

func allowedBlobName(name string) bool {
	if strings.HasPrefix(name, Reserved) || !utf8.ValidString(name) {
		return false
	}
	units := 0
	for _, r := range name {
		if !allowedRune(r) {
			return false
		}
		units++
		if r > 0xFFFF {
			units++
		}
	}
	if units > maxBlobName {
		return false
	}
	segments := strings.Split(name, "/")
	for _, s := range segments {
		if s == "" || strings.HasSuffix(s, ".") {
			return false
		}
	}
	return len(segments) <= maxBlobSegments
}

// allowedRune leaves out what the Blob reference calls invalid in a URL path or
// what a listing, which is XML, cannot carry.
func allowedRune(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7F && r <= 0x9F, r == '\\':
		return false
	case r >= 0xE000 && r <= 0xF8FF, r >= 0xF0000: // private use
		return false
	case r >= 0xFDD0 && r <= 0xFDEF, r&0xFFFE == 0xFFFE: // noncharacters
		return false
	}
	return true
}

const upperHex = "0123456789ABCDEF"

// percentEncode keeps [A-Za-z0-9._-], except for a dot at the very end.
func percentEncode(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		if plain(c) && (c != '.' || i < len(name)-1) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(upperHex[c>>4])
		b.WriteByte(upperHex[c&15])
	}
	return b.String()
}

func percentDecode(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		c, err := hex.DecodeString(s[i+1 : i+3])
		if err != nil {
			return "", false
		}
		b.WriteByte(c[0])
		i += 2
	}
	return b.String(), true
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '.' || c == '_' || c == '-'
}
