package codec

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Environment variables that the keys come from.
const (
	// KeyFileVariable names a file of keys that only its owner can read.
	KeyFileVariable = "DURABATCH_CODEC_KEY_FILE"
	// KeyVariable holds the keys themselves, one or, with blanks between them,
	// more.
	KeyVariable = "DURABATCH_CODEC_KEY"
)

// keySize is that of AES-256.
const keySize = 32

// key is a named AES-GCM key. Each encrypted payload carries the name.
type key struct {
	name string
	aead cipher.AEAD
}

var keyName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// NewKey makes a random key of that name, as a line of a key file: NAME:BASE64.
func NewKey(name string) (string, error) {
	if !keyName.MatchString(name) {
		return "", fmt.Errorf("%q is no name for a key: 1 to 64 letters, digits, dots, dashes or underscores", name)
	}
	random := make([]byte, keySize)
	rand.Read(random) // never fails
	return name + ":" + base64.StdEncoding.EncodeToString(random), nil
}

// FromEnvironment makes the codec that get's variables ask for; nil when they
// ask for none. Of several keys the first encrypts and all decrypt. To change keys while
// runs go on, add the new one as the last everywhere, then make it the first.
func FromEnvironment(get func(string) string) (*Codec, error) {
	text, path := get(KeyVariable), get(KeyFileVariable)
	switch {
	case text == "" && path == "":
		return nil, nil
	case text != "" && path != "":
		return nil, fmt.Errorf("%s and %s are both set; unset one", KeyVariable, KeyFileVariable)
	case path == "":
		return parse(text, KeyVariable)
	}
	text, err := readSecret(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", KeyFileVariable, err)
	}
	return parse(text, path)
}

// readSecret refuses a file that others could have read.
func readSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s is readable by others (mode %04o): chmod 600 it, and make a new key if they may have read it", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

// parse reads keys that are parted by blanks or line ends. Its errors never
// quote what may be a key.
func parse(text, source string) (*Codec, error) {
	c := &Codec{}
	for i, field := range strings.Fields(text) {
		k, err := parseKey(field)
		if err != nil {
			return nil, fmt.Errorf("key %d of %s: %w", i+1, source, err)
		}
		if c.find(k.name) != nil {
			return nil, fmt.Errorf("key %d of %s: there is a key of the name %s before it", i+1, source, k.name)
		}
		c.keys = append(c.keys, k)
	}
	if len(c.keys) == 0 {
		return nil, fmt.Errorf("%s holds no key; starter codec key makes one", source)
	}
	return c, nil
}

var errKey = errors.New("it is not NAME:KEY with a key of 32 bytes in base64; starter codec key makes one")

func parseKey(text string) (key, error) {
	name, encoded, ok := strings.Cut(text, ":")
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(secret) != keySize || !keyName.MatchString(name) {
		return key{}, errKey
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return key{}, err
	}
	aead, err := cipher.NewGCM(block)
	return key{name, aead}, err
}
