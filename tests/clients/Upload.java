// Uploads a body with HttpsURLConnection, which writes all of it before it reads, and prints status and page.
// java -Djdk.net.hosts.file=HOSTS Upload.java CA URL BYTES fixed|chunked|buffered

import java.io.FileInputStream;
import java.io.OutputStream;
import java.net.URL;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public class Upload {
    public static void main(String[] args) throws Exception {
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        try (FileInputStream ca = new FileInputStream(args[0])) {
            trusted.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(ca));
        }
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        HttpsURLConnection connection = (HttpsURLConnection) new URL(args[1]).openConnection();
        connection.setSSLSocketFactory(context.getSocketFactory());
        connection.setRequestMethod("POST");
        connection.setRequestProperty("Accept", "application/json");
        connection.setDoOutput(true);
        byte[] body = new byte[Integer.parseInt(args[2])];
        if (args[3].equals("fixed")) {
            connection.setFixedLengthStreamingMode(body.length);
        } else if (args[3].equals("chunked")) {
            connection.setChunkedStreamingMode(0);
        }
        try (OutputStream output = connection.getOutputStream()) {
            output.write(body);
        }
        int status = connection.getResponseCode();
        System.out.println(status + " " + new String(connection.getErrorStream().readAllBytes(), "UTF-8"));
    }
}
