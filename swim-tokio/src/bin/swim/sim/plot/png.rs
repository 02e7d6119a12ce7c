//! Pictures in pixels, for where drawings in lines cannot be shown.

use std::error::Error;
use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

/// Pixels for each of the drawing's.
const SCALE: f32 = 2.0;

/// Renders a drawing, with letters that are brought along: the machine may have none.
///
/// # Errors
///
/// What the rendering library says.
pub fn png(svg: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    let families = fonts.faces().flat_map(|face| &face.families);
    let family = families.map(|family| family.0.clone()).next().ok_or("a font without a name")?;
    fonts.set_sans_serif_family(family);
    let options = Options { fontdb: Arc::new(fonts), ..Options::default() };
    let tree = Tree::from_str(svg, &options)?;
    let size = tree.size().to_int_size();
    let (width, height) = (size.width() as f32 * SCALE, size.height() as f32 * SCALE);
    let mut pixels = Pixmap::new(width as u32, height as u32).ok_or("a picture without pixels")?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    Ok(pixels.encode_png()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">"#;

    #[test]
    fn letters_leave_ink() {
        let blank = png(&format!("{EMPTY}</svg>")).unwrap();
        let text = r#"<text x="2" y="15" font-family="sans-serif" font-size="15">abc</text>"#;
        let written = png(&format!("{EMPTY}{text}</svg>")).unwrap();
        assert!(blank.starts_with(b"\x89PNG") && written.len() > blank.len());
    }
}
