import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.Security;
import java.security.cert.CertPathBuilder;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.List;
import java.util.Set;
import org.apache.pdfbox.pdmodel.PDDocument;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.PDSignature;
import org.bouncycastle.asn1.ASN1InputStream;
import org.bouncycastle.asn1.cms.Attribute;
import org.bouncycastle.asn1.cms.ContentInfo;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.tsp.TimeStampToken;
import org.bouncycastle.util.Selector;
import org.bouncycastle.util.Store;

/**
 * Reads each PDF with PDFBox and judges its signatures with BouncyCastle: value, digest, time stamp, and the chain to the
 * root at the time of the stamp. One line for each signature: file, number, kind, verdict, whether it reaches the end.
 *
 * Arguments: root certificate (PEM), then PDFs.
 */
public class PdfBoxVerifier {
    static X509Certificate root;

    public static void main(String[] words) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        try (FileInputStream in = new FileInputStream(words[0])) {
            root = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
        for (String name : Arrays.copyOfRange(words, 1, words.length)) {
            byte[] file = Files.readAllBytes(Path.of(name));
            try (PDDocument document = PDDocument.load(file)) {
                int number = 0;
                for (PDSignature signature : document.getSignatureDictionaries()) {
                    int[] range = signature.getByteRange();
                    String end = range[2] + range[3] == file.length ? "end" : "before-end";
                    boolean stamp = "ETSI.RFC3161".equals(signature.getSubFilter());
                    String verdict;
                    try {
                        byte[] signed = signature.getSignedContent(file);
                        byte[] contents = trimmed(signature.getContents(file));
                        verdict = stamp ? stamp(contents, signed) : signature(contents, signed);
                    } catch (Exception error) {
                        verdict = "unreadable";
                    }
                    System.out.println(name + "\t" + number++ + "\t" + (stamp ? "stamp" : "signature") + "\t" + verdict + "\t" + end);
                }
            } catch (Exception error) {
                System.out.println(name + "\t-\tfile\tunreadable\t-");
            }
        }
    }

    static String stamp(byte[] contents, byte[] signed) throws Exception {
        TimeStampToken token = new TimeStampToken(new CMSSignedData(contents));
        return token(token, signed) ? "good" : "bad";
    }

    static String signature(byte[] contents, byte[] signed) throws Exception {
        CMSSignedData cms = new CMSSignedData(new CMSProcessableByteArray(signed), contents);
        SignerInformation signer = cms.getSignerInfos().getSigners().iterator().next();
        X509CertificateHolder certificate = of(cms.getCertificates(), signer.getSID());
        try {
            if (!signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(certificate))) return "bad";
        } catch (Exception error) {
            return "bad";
        }
        if (signer.getUnsignedAttributes() == null) return "no-stamp";
        Attribute found = signer.getUnsignedAttributes().get(PKCSObjectIdentifiers.id_aa_signatureTimeStampToken);
        if (found == null) return "no-stamp";
        TimeStampToken token = new TimeStampToken(ContentInfo.getInstance(found.getAttrValues().getObjectAt(0)));
        if (!token(token, signer.getSignature())) return "bad-stamp";
        return trusted(certificate, cms.getCertificates(), token.getTimeStampInfo().getGenTime()) ? "good" : "untrusted";
    }

    static boolean token(TimeStampToken token, byte[] data) throws Exception {
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(data);
        X509CertificateHolder certificate = of(token.getCertificates(), token.getSID());
        token.validate(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(certificate));
        return Arrays.equals(digest, token.getTimeStampInfo().getMessageImprintDigest())
            && trusted(certificate, token.getCertificates(), token.getTimeStampInfo().getGenTime());
    }

    @SuppressWarnings("unchecked")
    static X509CertificateHolder of(Store<X509CertificateHolder> certificates, Object id) {
        return certificates.getMatches((Selector<X509CertificateHolder>) id).iterator().next();
    }

    /** RFC 5280 6, at the moment of the stamp. Status answers lie in the file's security store, which PDFBox does not read. */
    static boolean trusted(X509CertificateHolder leaf, Store<X509CertificateHolder> others, Date at) throws Exception {
        List<X509Certificate> known = new ArrayList<>();
        for (X509CertificateHolder one : others.getMatches(null)) known.add(java(one));
        X509CertSelector wanted = new X509CertSelector();
        wanted.setCertificate(java(leaf));
        PKIXBuilderParameters rules = new PKIXBuilderParameters(Set.of(new TrustAnchor(root, null)), wanted);
        rules.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(known)));
        rules.setRevocationEnabled(false);
        rules.setDate(at);
        try {
            CertPathBuilder.getInstance("PKIX", "BC").build(rules);
            return true;
        } catch (java.security.cert.CertPathBuilderException error) {
            return false;
        }
    }

    static X509Certificate java(X509CertificateHolder holder) throws Exception {
        return (X509Certificate)
            CertificateFactory.getInstance("X.509", "BC").generateCertificate(new ByteArrayInputStream(holder.getEncoded()));
    }

    /** The value without the zeros behind it. */
    static byte[] trimmed(byte[] contents) throws Exception {
        try (ASN1InputStream in = new ASN1InputStream(contents)) {
            return in.readObject().getEncoded();
        }
    }
}
