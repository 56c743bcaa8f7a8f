//! Text from outside on its way into HTML and SVG.

/// Makes `text` safe as element content and inside quoted attributes.
///
/// Control characters, which HTML forbids and which can hide text, become U+FFFD.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            // Bidirectional overrides can reorder what stands around a name.
            c if c.is_control()
                || ('\u{202a}'..='\u{202e}').contains(&c)
                || ('\u{2066}'..='\u{2069}').contains(&c) =>
            {
                out.push('\u{fffd}')
            }
            c => out.push(c),
        }
    }
    out
}

/// `text` cut to at most `length` characters, the last of them an ellipsis where something was cut.
pub fn clip(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.into();
    }
    let mut out: String = text.chars().take(length.saturating_sub(1)).collect();
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_text_becomes_markup() {
        assert_eq!(
            escape("<script>alert('1 & \"2\"')</script>"),
            "&lt;script&gt;alert(&#39;1 &amp; &quot;2&quot;&#39;)&lt;/script&gt;"
        );
        assert_eq!(escape("a\u{0}b\u{202e}c\nd"), "a\u{fffd}b\u{fffd}c\nd");
    }

    #[test]
    fn clipping_counts_characters() {
        assert_eq!(clip("Žluťoučký", 9), "Žluťoučký");
        assert_eq!(clip("Žluťoučký", 5), "Žluť…");
    }
}
