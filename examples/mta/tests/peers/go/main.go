// Send sends the octets of a file with Go's net/smtp.
//
// Usage: send clear|starttls|tls PORT CERTIFICATE SENDER RECIPIENT FILE
// With SMTP_USER and SMTP_PASSWORD in the environment it logs in.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"os"
)

const host = "mx.example.test"

func main() {
	if len(os.Args) != 7 {
		fail(errors.New("usage: send clear|starttls|tls PORT CERTIFICATE SENDER RECIPIENT FILE"))
	}
	if err := send(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6]); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func send(kind, port, certificate, sender, recipient, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	client, err := connect(kind, net.JoinHostPort("127.0.0.1", port), certificate)
	if err != nil {
		return err
	}
	defer client.Close()
	if user, ok := os.LookupEnv("SMTP_USER"); ok {
		if err := client.Auth(smtp.PlainAuth("", user, os.Getenv("SMTP_PASSWORD"), host)); err != nil {
			return err
		}
	}
	if err := client.Mail(sender); err != nil {
		return err
	}
	if err := client.Rcpt(recipient); err != nil {
		return err
	}
	data, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := io.Copy(data, bytes.NewReader(content)); err != nil {
		return err
	}
	if err := data.Close(); err != nil {
		return err
	}
	return client.Quit()
}

func connect(kind, address, certificate string) (*smtp.Client, error) {
	config, err := trusting(certificate)
	if err != nil {
		return nil, err
	}
	var connection net.Conn
	if kind == "tls" {
		connection, err = tls.Dial("tcp", address, config)
	} else {
		connection, err = net.Dial("tcp", address)
	}
	if err != nil {
		return nil, err
	}
	client, err := smtp.NewClient(connection, host)
	if err != nil {
		return nil, err
	}
	if err := client.Hello("client.example.org"); err != nil {
		return nil, err
	}
	if kind == "starttls" {
		return client, client.StartTLS(config)
	}
	return client, nil
}

func trusting(certificate string) (*tls.Config, error) {
	pem, err := os.ReadFile(certificate)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", certificate)
	}
	return &tls.Config{RootCAs: roots, ServerName: host}, nil
}
