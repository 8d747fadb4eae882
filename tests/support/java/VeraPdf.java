import java.io.FileInputStream;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.PDFAValidator;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/** Judges PDFs by a profile of PDF/A. Arguments: the profile ("3u"), then files. One line for each file, then its faults. */
public class VeraPdf {
    public static void main(String[] words) throws Exception {
        VeraGreenfieldFoundryProvider.initialise();
        PDFAFlavour flavour = PDFAFlavour.fromString(words[0]);
        for (String name : Arrays.copyOfRange(words, 1, words.length)) {
            try (PDFAParser parser = Foundries.defaultInstance().createParser(new FileInputStream(name), flavour)) {
                PDFAValidator validator = Foundries.defaultInstance().createValidator(flavour, false);
                ValidationResult result = validator.validate(parser);
                Map<String, String> faults = new TreeMap<>();
                for (TestAssertion one : result.getTestAssertions())
                    if (one.getStatus() == TestAssertion.Status.FAILED)
                        faults.putIfAbsent(one.getRuleId().getClause() + "-" + one.getRuleId().getTestNumber(), one.getMessage());
                System.out.println(name + "\t" + (result.isCompliant() ? "compliant" : "not-compliant") + "\t" + result.getTotalAssertions());
                faults.forEach((rule, message) -> System.out.println("\t" + rule + " " + message));
            }
        }
    }
}
